package database_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/database"
)

func TestReadURL_leaves_out_what_means_nothing_to_one_connection(t *testing.T) {
	t.Parallel()
	for source, list := range map[string]string{
		"Prisma": "pgbouncer=true connection_limit=5 pool_timeout=0 socket_timeout=5 statement_cache_size=0",
		"pgx": "pool_max_conns=3 pool_min_conns=1 pool_max_conn_lifetime=1h pool_health_check_period=1m " +
			"default_query_exec_mode=exec statement_cache_capacity=0 description_cache_capacity=0",
		"libpq": "keepalives=1 keepalives_idle=30 keepalives_interval=9 keepalives_count=3 tcp_user_timeout=9 " +
			"fallback_application_name=x client_encoding=UTF8 krbsrvname=postgres gsslib=gssapi gssdelegation=0 " +
			"ssl_max_protocol_version=TLSv1.3 min_protocol_version=3.0 max_protocol_version=latest",
		"pgjdbc": "prepareThreshold=0 preparedStatementCacheQueries=0 preparedStatementCacheSizeMiB=1 " +
			"databaseMetadataCacheFields=1 databaseMetadataCacheFieldsMiB=1 defaultRowFetchSize=100 adaptiveFetch=true " +
			"adaptiveFetchMaximum=9 adaptiveFetchMinimum=1 binaryTransfer=false binaryTransferEnable=1 " +
			"binaryTransferDisable=1 tcpKeepAlive=true tcpNoDelay=true socketTimeout=3 loginTimeout=3 cancelSignalTimeout=3 " +
			"reWriteBatchedInserts=true stringtype=unspecified autosave=always cleanupSavepoints=true preferQueryMode=simple " +
			"readOnlyMode=ignore loggerLevel=OFF loggerFile=x logUnclosedConnections=true logServerErrorDetail=false " +
			"receiveBufferSize=1 sendBufferSize=1 assumeMinServerVersion=9 allowEncodingChanges=true unknownLength=1 " +
			"maxResultBuffer=1M escapeSyntaxCallMode=call hideUnprivilegedObjects=true hostRecheckSeconds=3 " +
			"groupStartupParameters=true quoteReturningIdentifiers=false disableColumnSanitiser=true gssResponseTimeout=1 " +
			"sslResponseTimeout=1 protocolVersion=3 kerberosServerName=x jaasLogin=true jaasApplicationName=x useSpnego=true " +
			"sspiServiceClass=x",
		"SQLAlchemy": "prepared_statement_cache_size=0 prepared_statement_name_func=x",
		"Rails": "pool=5 checkout_timeout=5 reaping_frequency=10 prepared_statements=false advisory_locks=true " +
			"encoding=utf8",
		"Django": "conn_max_age=60 conn_health_checks=true",
		"others": "max_open_conns=5 max_idle_conns=5 max_lifetime=60 idle_timeout=20 maxPoolSize=5 reconnect=true " +
			"binary_parameters=yes query_timeout=5 uselibpqcompat=true",
	} {
		for _, p := range strings.Fields(list) {
			t.Run(source+" "+p, func(t *testing.T) {
				t.Parallel()
				name, _, _ := strings.Cut(p, "=")
				got, notes, err := database.ReadURL("postgres://app:pw@db.example/mail?" + p)
				require.NoError(t, err)
				assert.Equal(t, target(nil), got)
				require.Len(t, notes, 1)
				assert.Contains(t, notes[0], "parameter "+name+" is left out: it ")
			})
		}
	}
}

func TestReadURL_keeps_or_refuses_what_guards_the_connection(t *testing.T) {
	t.Parallel()
	for _, fine := range strings.Fields(`gssencmode=disable gssencmode=prefer gssEncMode=allow sslnegotiation=postgres
		sslsni=1 sslcompression=0 sslcertmode=allow ssl_min_protocol_version=TLSv1.2 target_session_attrs=read-write
		target_session_attrs=any targetServerType=primary load_balance_hosts=disable replication=false`) {
		t.Run(fine, func(t *testing.T) {
			t.Parallel()
			got, notes, err := database.ReadURL("postgres://app:pw@db.example/mail?" + fine)
			require.NoError(t, err)
			assert.Empty(t, notes, "nothing is left out that would have made a difference")
			assert.Equal(t, target(nil), got)
		})
	}
	for _, refused := range strings.Fields(`gssencmode=require require_auth=scram-sha-256 requireAuth=scram-sha-256
		requirepeer=postgres sslcrl=/crl sslcrldir=/crl ssl_min_protocol_version=TLSv1.3 sslcertmode=require
		sslcertmode=disable sslnegotiation=direct sslsni=0 sslcompression=1 ssl=true ssl=false ssl=require
		sslaccept=strict sslkeylogfile=/x target_session_attrs=read-only targetServerType=secondary
		load_balance_hosts=random loadBalanceHosts=true replication=database readOnly=true
		sslfactory=x sslfactoryarg=x sslhostnameverifier=x socketFactory=x socketFactoryArg=x
		authenticationPluginClassName=x localSocketAddress=x scram_client_key=x oauth_issuer=x oauth_client_secret=x
		tlsMode=on ssl_pool=x certPool=x sslidentity=x verifyPool=x trustServerCertificate=true`) {
		t.Run(refused, func(t *testing.T) {
			t.Parallel()
			name, _, _ := strings.Cut(refused, "=")
			_, _, err := database.ReadURL("postgres://app@db.example/mail?" + refused)
			require.Error(t, err)
			assert.Contains(t, err.Error(), "parameter "+name+" ")
			assert.NotContains(t, err.Error(), "did you mean")
			assert.Contains(t, err.Error(), "; ", "there is a remedy")
		})
	}
}

func TestReadURL_says_what_to_write_instead_of_the_rest(t *testing.T) {
	t.Parallel()
	for p, want := range map[string]string{
		"statement_timeout=5000": "leave it out; a setting of the server is written options=-c%20NAME%3DVALUE",
		"role=owner":             "options=-c%20NAME%3DVALUE",
		"lock_timeout=5":         "options=-c%20NAME%3DVALUE",
		"TimeZone=UTC":           "options=-c%20NAME%3DVALUE",
		"sslmod=require":         "did you mean sslmode?",
		"sslrotcert=x":           "did you mean sslrootcert?",
		"curentSchema=x":         "did you mean currentSchema?",
		"chanel_binding=require": "did you mean channel_binding?",
		"conect_timeout=3":       "did you mean connect_timeout?",
		"PGHOST=x":               "in the address",
		"service=x":              "into the URL",
	} {
		t.Run(p, func(t *testing.T) {
			t.Parallel()
			_, _, err := database.ReadURL("postgres://app@db.example/mail?" + p)
			require.Error(t, err)
			assert.Contains(t, err.Error(), want)
		})
	}
}

func TestReadURL_notes(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"postgres://app:pw@db.example": `the URL names no database, so the one named like the ` +
			`user is taken, "app"`,
		"postgres://app:pw@db.example/mail?connect_timeout=0":   "POSTSTACK_TIMEOUT_CONNECT ends the wait",
		"jdbc:postgresql://h/m?user=a&password=p&poolpha-k17=1": "parameter 3 is left out",
	} {
		_, notes, err := database.ReadURL(raw)
		require.NoError(t, err)
		require.Len(t, notes, 1, raw)
		assert.Contains(t, notes[0], want)
		assert.NotContains(t, notes[0], "pha-k17", "a name may be a piece of the password")
	}
}
