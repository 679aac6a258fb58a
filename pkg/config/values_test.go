package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/config"
)

func TestLoad_Values(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for _, tc := range []struct {
		env  string
		good []string
		bad  []string
	}{
		{"POSTSTACK_ENGINE", []string{"auto", "Docker", "podman"}, []string{"lxc", "docker ", "auto,podman"}},
		{"POSTSTACK_OUTPUT", []string{"live", "plain", "quiet"}, []string{"verbose"}},
		{"LOG_LEVEL", []string{"trace", "INFO"}, []string{"warning!", "5"}},
		{"POSTSTACK_PORT_OFFSET", []string{"0", "50000"}, []string{"-1", "50001", "1e3"}},
		{"POSTSTACK_LOG_KEEP", []string{"1", "1000000"}, []string{"0", "-1", "1e3", "0x10", "99999999999999999999"}},
		{
			"DOMAIN",
			[]string{"localhost", "a.b-c.example", "xn--bcher-kva.example", "1and1.com", long + ".example"},
			[]string{
				"a b", "-a.example", "a-.example", "a_b.example", "*.example", "bücher.example", "example.org.", ".",
				"192.0.2.1", "::1", "http://a.example", long + "a.example", strings.Repeat("a.", 127) + "example",
			},
		},
		{
			"LE_EMAIL",
			[]string{"a@example.org", "a+b@localhost"},
			[]string{
				"a", "@example.org", "a@", "Ada <a@example.org>", "<a@example.org>",
				"a@b c", "a@example.org,b@example.org", "a@example..org", "a@example.org\n",
			},
		},
		{"CERT_PATH", []string{"/etc/certs", "/etc//certs/"}, []string{"certs", "./certs", "~/certs", "/", "/..", "/a\nb"}},
		{
			"POSTSTACK_STACK",
			[]string{"a", "0a_b-c.d", strings.Repeat("a", 40)},
			[]string{"A", "-a", ".a", "a/b", "a b", strings.Repeat("a", 41)},
		},
		{
			"POSTSTACK_DEBIAN_SUITE",
			[]string{"bookworm", "trixie", "bookworm-backports"},
			[]string{"Bookworm", "12", "book/worm", "a b"},
		},
		{"POSTSTACK_STATE_DIR", []string{"/srv", "~/state"}, []string{"state", "./state", "~ada/state", "/a\x01b"}},
		{
			"POSTSTACK_DATABASE_NAME",
			[]string{"mail", "Größe", `we"ird`, long},
			[]string{long + "a", "a\nb", "template1", "\xff"},
		},
		{"POSTSTACK_DATABASE_USER", []string{"mail", long}, []string{long + "a", "pg_admin", "public", "a\tb"}},
		{"POSTSTACK_DATABASE_PORT", []string{"0", "65535"}, []string{"-1", "65536", "http", "5432/tcp"}},
		{
			"POSTSTACK_CONTEXTS",
			[]string{"prod", "prod, next-1.0", " ", ","},
			[]string{"a\nb", "prod and !demo", "!demo", "(a)"},
		},
		{"POSTSTACK_LABELS", []string{"prod and !demo"}, []string{"a\nb"}},
		{"POSTSTACK_TIMEOUT_BUILD", []string{"1ms", "1h30m"}, []string{"0", "0s", "-1m", "soon", "5", "9999999999h"}},
	} {
		for _, value := range tc.good {
			t.Run(tc.env+" accepts "+value, func(t *testing.T) {
				t.Parallel()
				_, err := load(t, "", tc.env+"="+value)
				assert.NoError(t, err)
			})
		}
		for _, value := range tc.bad {
			t.Run(tc.env+" refuses "+value, func(t *testing.T) {
				t.Parallel()
				found := problems(t, "", tc.env+"="+value)
				require.Len(t, found, 1)
				assert.Equal(t, "environment "+tc.env, found[0].Source)
				assert.NotEmpty(t, found[0].Allowed)
				assert.NotContains(t, found[0].String(), "\n")
			})
		}
	}
}

func TestLoad_QuotesALongValueInPart(t *testing.T) {
	t.Parallel()
	found := problems(t, "", "DOMAIN="+strings.Repeat("ü", 500))
	require.Len(t, found, 1)
	assert.Equal(t, `"`+strings.Repeat("ü", 40)+`…"`, found[0].Value)
}

func TestLoad_Changelog(t *testing.T) {
	t.Parallel()
	for _, spelling := range []string{
		"changelogs/root.yaml", "./changelogs/root.yaml", "changelogs//root.yaml", "changelogs/root.yaml/",
		"changelogs/./root.yaml", "other/../changelogs/root.yaml",
	} {
		t.Run("one path for "+spelling, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(t, "schema: {changelog: "+spelling+"}\n")
			require.NoError(t, err)
			assert.Equal(t, "changelogs/root.yaml", cfg.Schema.Changelog)
			assert.Equal(t, "changelogs/root.yaml", setting(t, cfg, "schema.changelog").Value)
		})
	}
	for spelling, reason := range map[string]string{
		"/srv/changelogs/root.yaml":    "is an absolute path",
		"../changelogs/root.yaml":      "is not inside the checkout",
		"a/../../changelogs/root.yaml": "is not inside the checkout",
		"..":                           "is not inside the checkout",
		"./":                           "is not inside the checkout",
		"changelogs/a\u0000/root.yaml": "holds a control character",
	} {
		t.Run("refuses "+spelling, func(t *testing.T) {
			t.Parallel()
			found := problems(t, "", "POSTSTACK_CHANGELOG="+spelling)
			require.Len(t, found, 1)
			assert.Equal(t, reason, found[0].Reason)
		})
	}
	t.Run("a symbolic link keeps its own name", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(root, "..data", "changelogs"), 0o755))
		require.NoError(t, os.Symlink("..data/changelogs", filepath.Join(root, "changelogs")))
		cfg, err := config.Load(config.Input{Root: root, Environ: []string{"HOME=/home/ada"}})
		require.NoError(t, err)
		assert.Equal(t, "changelogs/db.changelog-root.yaml", cfg.Schema.Changelog)
		cfg, err = config.Load(config.Input{
			Root: root, Environ: []string{"HOME=/home/ada", "POSTSTACK_CHANGELOG=..data/changelogs/a.yaml"},
		})
		require.NoError(t, err, "a name that begins with two dots is not the parent")
		assert.Equal(t, "..data/changelogs/a.yaml", cfg.Schema.Changelog)
	})
}

func TestLoad_services(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, yaml, env, shown string
		want                   map[string]config.Service
	}{
		{"none", "", "", "", nil},
		{
			"names in the environment", "", "POSTSTACK_SERVICES=nginx, bind",
			"bind, nginx",
			map[string]config.Service{"nginx": {}, "bind": {}},
		},
		{"a list", "services: [nginx]\n", "", "nginx", map[string]config.Service{"nginx": {}}},
		{
			"settings of one", "services:\n  nginx:\n  bind:\n    listen: 0.0.0.0\n    ports: { 5353: 53, 80: 8080 }\n", "",
			"bind (on 0.0.0.0, 80 at 8080, 5353 at 53), nginx",
			map[string]config.Service{
				"nginx": {},
				"bind":  {Listen: config.Addresses{"0.0.0.0"}, Ports: map[uint16]uint16{5353: 53, 80: 8080}},
			},
		},
		{
			"several addresses", "services:\n  nginx:\n    listen: [0.0.0.0, \"::\"]\n", "",
			"nginx (on 0.0.0.0 and ::)",
			map[string]config.Service{"nginx": {Listen: config.Addresses{"0.0.0.0", "::"}}},
		},
		{
			"an alias of what stands elsewhere", "database: {name: &n nginx}\nservices: [*n]\n", "", "nginx",
			map[string]config.Service{"nginx": {}},
		},
		{
			"the environment goes before", "services: [nginx]\n",
			"POSTSTACK_SERVICES=bind", "bind",
			map[string]config.Service{"bind": {}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(t, tc.yaml, tc.env)
			require.NoError(t, err)
			assert.Equal(t, tc.want, cfg.Services)
			for _, s := range cfg.Settings() {
				if s.Key == "services" {
					assert.Equal(t, tc.shown, s.Value)
				}
			}
		})
	}
	for yaml, says := range map[string]string{
		"services: { nginx: { listn: " +
			"0.0.0.0 } }\n": `poststack.yaml:1:11): "{nginx: {listn: 0.0.0.0}}" says of nginx: ` +
			`unknown setting "listn"; known are listen and ports`,
		"services: { nginx: { listen: everywhere } }\n":  `listen "everywhere" is not an address`,
		"services: { nginx: { ports: { 80: http } } }\n": `ports are a mapping`,
		"services: { nginx: { ports: { 80: 0 } } }\n":    `a port is from 1 to 65535`,
		"services: { nginx: yes }\n":                     `it is not a group of listen and ports`,
		"services: [ { nginx: x } ]\n":                   `is a list of something else than names`,
		"services: [ Nginx ]\n":                          `names "Nginx", which cannot be a service`,
		"services: &s [ *s ]\n":                          `is a list of something else than names`,
	} {
		_, err := load(t, yaml)
		assert.ErrorContains(t, err, says, yaml)
	}
}

func TestLoad_tls(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"off": config.TLSOff, "OWN": config.TLSOwn, "'off'": config.TLSOff, "/srv/certs/": "/srv/certs",
		"~/certs": "/home/ada/certs",
	} {
		cfg, err := load(t, "database: {tls: "+text+"}\n")
		require.NoError(t, err, text)
		assert.Equal(t, want, cfg.Database.TLS, text)
		assert.Equal(t, want, setting(t, cfg, "database.tls").Value, text)
	}
	cfg, err := load(t, "", "POSTSTACK_DATABASE_TLS=./off")
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(cfg.Root, "off"), cfg.Database.TLS, "a directory of that name")
}
