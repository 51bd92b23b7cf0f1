package mongodb

import (
	"net/url"
	"strings"

	"culvert/connectors"
)

const (
	keyHost = "connection.host"
	keyUser = "connection.user"
	// keyInstance says whether a host is one of Atlas.
	keyInstance = "mongodb.instance.type"
	// ManagedPassword is the secret of the managed connectors.
	ManagedPassword = "connection.password"
)

// managed translates MongoDbAtlasSink of Confluent Cloud.
var managed = connectors.Managed{
	Class:   "MongoDbAtlasSink",
	Secrets: []string{ManagedPassword},
	Map: func(m *connectors.Mapping) {
		ManagedURI(m)
		m.Format("input.data.format", "value.converter", "JSON")
		m.Format("input.key.format", "key.converter", "STRING")
		m.Choose("cdc.handler", keyCDC, map[string]string{
			"None": "", "MongoDbChangeStreamHandler": pkg + "cdc.mongodb.ChangeStreamHandler",
			"DebeziumMongoDbHandler": pkg + "cdc.debezium.mongodb.MongoDbHandler", "DebeziumMySqlHandler": pkg + "cdc.debezium.rdbms.mysql.MysqlHandler",
			"DebeziumPostgresHandler": pkg + "cdc.debezium.rdbms.postgres.PostgresHandler", "QlikRdbmsHandler": pkg + "cdc.qlik.rdbms.RdbmsHandler",
		})
		m.Prefix("write.strategy", keyWriteModel, pkg+"writemodel.strategy.")
		m.Prefix("doc.id.strategy", keyIDStrategy, pkg+"processor.id.strategy.")
		m.Move("doc.id.strategy.overwrite.existing", "document.id.strategy.overwrite.existing")
		for _, side := range []string{"key", "value"} {
			// The managed projections are those of the partial id strategies.
			if kind := m.Value(side + ".projection.type"); kind != "" && !strings.EqualFold(kind, "none") {
				m.Set(side+".projection.type", "document.id.strategy.partial."+side+".projection.type", kind)
				m.Set(side+".projection.list", "document.id.strategy.partial."+side+".projection.list", m.Value(side+".projection.list"))
			}
		}
		m.Prefix("namespace.mapper.class", keyMapper, pkg+"namespace.mapping.")
		m.Choose("ts.granularity", "timeseries.granularity", map[string]string{"None": ""})
		m.Move("server.api.deprecationErrors", "server.api.deprecation.errors")
		// An export has the defaults of all keys. These two have meant nothing since release
		// 1.7, so that nobody has asked for a task that gives up an outage after 20 seconds.
		for k, v := range map[string]string{keyMaxRetries: "3", keyRetryDefer: "5000"} {
			if strings.TrimSpace(m.Value(k)) == v {
				m.Ignore(k)
			}
		}
		for _, k := range []string{"max.poll.interval.ms", "max.poll.records"} {
			m.Move(k, "consumer.override."+k)
		}
	},
}

// ManagedURI makes connection.uri of host, user and password. Atlas hosts are found
// by their DNS records; a host with a port is a server, and so is one of
// mongodb.instance.type=MONGODB_SELF_MANAGED.
func ManagedURI(m *connectors.Mapping) {
	self := strings.EqualFold(strings.TrimSpace(m.Value(keyInstance)), "MONGODB_SELF_MANAGED")
	m.Drop(keyInstance)
	host, user, password := strings.TrimSpace(m.Value(keyHost)), m.Value(keyUser), m.Value(ManagedPassword)
	for _, k := range []string{keyHost, keyUser, ManagedPassword} {
		m.Drop(k)
	}
	switch {
	case m.Value(keyURI) != "":
		return
	case host == "":
		m.Fail(keyHost, "Missing required configuration \""+keyHost+"\" which has no default value.")
		return
	}
	scheme, rest, has := strings.Cut(host, "://")
	if !has {
		scheme, rest = "mongodb+srv", host
		if servers, _, _ := strings.Cut(rest, "/"); self || strings.Contains(servers, ":") {
			scheme = "mongodb"
		}
	}
	if user != "" {
		rest = escapeUser(user) + ":" + escapeUser(password) + "@" + rest
	}
	if !strings.Contains(rest[strings.LastIndexByte(rest, '@')+1:], "/") {
		rest += "/"
	}
	m.Set(keyHost, keyURI, scheme+"://"+rest)
}

// escapeUser percent-encodes everything that has a meaning in a connection string.
func escapeUser(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
