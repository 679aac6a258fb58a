package service

import (
	"path"
	"strconv"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/secret"
)

// Login is how a service signs in to the database, as its container reaches that.
type Login struct {
	Host     string
	Gateway  bool // Host is a name for this machine
	Port     uint16
	Database string
	User     string
	SSLMode  string
	Root     []byte // PEM, of whom the server's certificate is from; nil leaves it to the container
	Schema   string // "" leaves it to the server
	PassFile secret.Value
}

// put tells a container how to sign in, by libpq's variables and its password file.
func (l *Login) put(spec *engine.ContainerSpec, d *image.ServiceDatabase) {
	if l == nil || d == nil {
		return
	}
	uid, gid := d.IDs()
	add := func(name string, content []byte) string {
		file := engine.File{Path: path.Join(path.Dir(d.Path), name), Mode: 0o400, UID: uid, GID: gid, Content: content}
		spec.Files = append(spec.Files, file)
		return file.Path
	}
	spec.Env["PGHOST"], spec.Env["PGPORT"] = l.Host, strconv.Itoa(int(l.Port))
	spec.Env["PGDATABASE"], spec.Env["PGUSER"], spec.Env["PGSSLMODE"] = l.Database, l.User, l.SSLMode
	spec.Env["PGPASSFILE"] = add(path.Base(d.Path), []byte(l.PassFile.Reveal()))
	if len(l.Root) > 0 {
		spec.Env["PGSSLROOTCERT"] = add("database-root.crt", l.Root)
	}
	if l.Schema != "" {
		spec.Env["PGOPTIONS"] = "-c search_path=" + l.Schema
	}
	if l.Gateway {
		spec.ExtraHosts = map[string]string{l.Host: "host-gateway"}
	}
}
