package mongodb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"

	"culvert/configdef"
	"culvert/fault"
)

// checkLimit bounds the dialling of a validation; Java waits for the connect
// timeout and a little more.
const checkLimit = 10500 * time.Millisecond

// checkSelection is how long a validation looks for a server: it asks once.
const checkSelection = 5 * time.Second

// check validates the keys. If they are right, Java's connector also dials the server
// and looks at the user's rights: dial.
func check(_ context.Context, props map[string]string) *configdef.Report {
	_, r := validate(props)
	return r
}

// Values of connection.check.
const (
	checkOriginal = "original" // errors in Java's words alone
	checkSteps    = "steps"    // and the step that failed
	checkNone     = "none"
)

func dial(ctx context.Context, props map[string]string, r *configdef.Report) string {
	s, _ := definition.Parse(props)
	if s.ConnectionCheck == checkNone {
		return ""
	}
	target := "MongoDB at " + hostsOf(s.URI)
	cfg, err := newConfig(props)
	if err != nil {
		return target // Java leaves what only a start finds to the start
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	c := &connectionCheck{settings: &s, cfg: cfg, report: r}
	c.run(ctx)
	return target
}

// connectionCheck takes the steps of a task's start, as far as they change nothing.
type connectionCheck struct {
	settings *settings
	cfg      *config
	report   *configdef.Report
	client   *mongo.Client
	opts     *options.ClientOptions
}

// fail adds an error in Java's words, once, and the step behind it as the remedy of
// the key.
func (c *connectionCheck) fail(key, text string, at step) {
	if c.settings.ConnectionCheck == checkSteps {
		text += " " + at.String()
	}
	failOnce(c.report, key, text)
	c.report.Remedy(key, at.String()+". "+at.fix)
}

func (c *connectionCheck) run(ctx context.Context) {
	c.reach(ctx, func() {
		c.exactly(ctx)
		c.topics(ctx)
	})
}

// reach looks whether the server answers and lets the user in; then it calls more.
func (c *connectionCheck) reach(ctx context.Context, more func()) {
	var err error
	if c.opts, err = clientOptions(c.settings, checkSelection); err == nil {
		if c.client, err = mongo.Connect(c.opts); err != nil {
			err = uriFault(c.settings.URI, err)
		}
	}
	if err != nil {
		at := failedStep("read the connection settings", err.Error())
		if networkStep(err) == "resolve" {
			at = failedStep("resolve", err.Error())
		}
		key := keyURI
		if f := fault.Of(err); f != nil && f.Field != "" {
			key = f.Field
		}
		c.fail(key, err.Error(), at)
		return
	}
	defer func() { _ = c.client.Disconnect(context.WithoutCancel(ctx)) }() // a client of its own, thrown away
	// As in Java a secondary is enough for a look.
	pref := c.opts.ReadPreference
	if pref == nil {
		pref = readpref.PrimaryPreferred()
	}
	if err := c.client.Ping(ctx, pref); err != nil {
		at := failedAt(err)
		if at.name == "authenticate" {
			c.fail(keyURI, "Invalid user permissions authentication failed. "+explain(err), at)
		} else {
			c.fail(keyURI, "Unable to connect to the server.", at)
		}
		return
	}
	if c.settings.APIVersion != "" && !atLeast5(ctx, c.client) {
		c.fail(keyURI, "Server Version API requires MongoDB 5.0 or greater", failedStep("declare the API version", "the server is older than 5.0"))
	}
	more()
}

// exactly looks whether the server can do what culvert.exactly.once needs.
func (c *connectionCheck) exactly(ctx context.Context) {
	s := c.settings
	if !s.keepsOffsets() {
		return
	}
	if !c.opts.WriteConcern.Acknowledged() {
		failOnce(c.report, keyExactly, unacknowledgedText(s.ExactlyOnce))
	}
	if s.ExactlyOnce == exactlyTransact {
		if hello, err := c.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Raw(); err == nil {
			if text := canTransact(hello); text != "" {
				failOnce(c.report, keyExactly, text)
			}
		}
	}
	space := namespace{s.Database, offsetsCollection}
	if missing := readRights(ctx, c.client, c.opts).missing([]string{"find", "insert", "update"}, space.db, space.coll); len(missing) > 0 {
		list := strings.Join(missing, ", ")
		c.fail(keyURI, missingText+list+", on "+space.String(), unauthorized(space, list, "readWrite"))
	}
}

// missingText is how Java begins.
const missingText = "Invalid user permissions. Missing the following action permissions: "

func unauthorized(space namespace, actions, role string) step {
	return step{name: "authorize on " + space.String(), why: "the user may not " + actions,
		fix: fmt.Sprintf("Grant the user a role such as %s on the database %s.", role, space.db)}
}

func errorCodes(err error) []int {
	var se mongo.ServerError
	if errors.As(err, &se) {
		return se.ErrorCodes()
	}
	return nil
}

func atLeast5(ctx context.Context, client *mongo.Client) bool {
	var info struct {
		Version []int32 `bson:"versionArray"`
	}
	err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info)
	return err != nil || len(info.Version) == 0 || info.Version[0] >= 5
}

// topics looks, for each topic, at the user's rights and at the time series.
func (c *connectionCheck) topics(ctx context.Context) {
	targets := []*topicConfig{{settings: *c.settings}} // topics.regex: nobody knows the topics yet
	if len(c.settings.Topics) > 0 {
		targets = targets[:0]
		for _, t := range c.settings.Topics {
			if tc, err := c.cfg.topic(t); err == nil {
				targets = append(targets, tc)
			}
		}
	}
	rights := readRights(ctx, c.client, c.opts)
	for _, t := range targets {
		actions := []string{"insert", "update", "remove"}
		if t.isTimeSeries() && len(c.settings.Topics) > 0 {
			actions = append(actions, "collStats")
		}
		c.require(rights, actions, namespace{t.Database, t.Collection}, "readWrite")
		c.series(ctx, t)
	}
}

// require adds an error for the actions that nothing grants on the namespace.
func (c *connectionCheck) require(r *rights, actions []string, space namespace, role string) {
	if missing := r.missing(actions, space.db, space.coll); len(missing) > 0 {
		list := strings.Join(missing, ", ")
		c.fail(keyURI, missingText+list, unauthorized(space, list, role))
	}
}

// series is TimeseriesValidation.validateConfigAndCollection. As in Java the
// collection is created here already.
func (c *connectionCheck) series(ctx context.Context, t *topicConfig) {
	if !t.isTimeSeries() {
		for key, set := range map[string]bool{keyMetaField: t.MetaField != "", keyExpireAfter: t.ExpireAfter != 0, keyGranularity: t.Granularity != ""} {
			if set {
				failOnce(c.report, key, fmt.Sprintf("Missing timeseries configuration: `%s`", keyTimeField))
			}
		}
		return
	}
	if !atLeast5(ctx, c.client) {
		failOnce(c.report, keyTimeField, "Timeseries support requires MongoDB 5.0 or newer")
	}
	fixed, ok := t.mapper.(*fixedMapper)
	if !ok || len(c.report.Errors()) > 0 {
		return
	}
	err := ensureSeries(ctx, &driverServer{client: c.client}, fixed.ns, &t.settings)
	switch {
	case err == nil:
	case fault.Of(err) != nil:
		failOnce(c.report, keyTimeField, err.Error())
	default:
		failOnce(c.report, keyTimeField, seriesText(err, fixed.ns))
	}
}

// rights are what the user may do, by the server's account; nil where it gives none:
// such a user is trusted.
type rights struct {
	source     string
	privileges []privilege
}

// readRights is ConnectionValidator.validateUserHasActions: the user's privileges, and
// those of its roles.
func readRights(ctx context.Context, client *mongo.Client, opts *options.ClientOptions) *rights {
	if opts.Auth == nil {
		return nil
	}
	all := &rights{source: opts.Auth.AuthSource}
	if all.source == "" {
		all.source = "admin"
	}
	var status connectionStatus
	cmd := bson.D{{Key: "connectionStatus", Value: 1}, {Key: "showPrivileges", Value: true}}
	if err := client.Database(all.source).RunCommand(ctx, cmd).Decode(&status); err != nil {
		return nil
	}
	info := &status.AuthInfo
	if len(info.Privileges) == 0 && len(info.Users) == 0 {
		return nil
	}
	all.privileges = info.Privileges
	for _, role := range info.Roles {
		granted, known := grantedBy(ctx, client, role, len(info.Privileges) == 0)
		if !known {
			return nil
		}
		all.privileges = append(all.privileges, granted...)
	}
	return all
}

// grantedBy are the privileges of a role. A server that lists a user's privileges lists
// all of them, so that a role which the user may not look at adds nothing. Where it
// lists none, as servers do that only speak MongoDB's protocol, the role has to tell:
// alone is set, and a role that is neither built in nor to be read is not known.
func grantedBy(ctx context.Context, client *mongo.Client, role userRole, alone bool) (granted []privilege, known bool) {
	if actions, ok := builtin[role.Role]; ok && alone {
		p := privilege{Actions: actions}
		db, coll := role.DB, ""
		if strings.HasSuffix(role.Role, "AnyDatabase") || role.Role == "root" {
			db = ""
		}
		p.Resource.DB, p.Resource.Collection = &db, &coll
		return []privilege{p}, true
	}
	var found struct {
		Roles []struct {
			Own       []privilege `bson:"privileges"`
			Inherited []privilege `bson:"inheritedPrivileges"`
		} `bson:"roles"`
	}
	cmd := bson.D{{Key: "rolesInfo", Value: role.Role}, {Key: "showPrivileges", Value: true}, {Key: "showBuiltinRoles", Value: true}}
	if err := client.Database(role.DB).RunCommand(ctx, cmd).Decode(&found); err != nil {
		return nil, !alone
	}
	for _, f := range found.Roles {
		granted = append(append(granted, f.Own...), f.Inherited...)
	}
	return granted, !alone || len(granted) > 0
}

// builtin are what built-in roles of MongoDB let a user do, as far as connectors do it.
var builtin = map[string][]string{
	"read": reading, "readAnyDatabase": reading,
	"readWrite": writing, "readWriteAnyDatabase": writing, "dbOwner": writing, "root": writing,
}

var (
	reading = []string{"find", "changeStream", "collStats"}
	writing = append([]string{"insert", "update", "remove"}, reading...)
)

// missing are the actions that nothing grants on the namespace.
func (r *rights) missing(actions []string, db, coll string) []string {
	if r == nil {
		return nil
	}
	return without(actions, r.privileges, r.source, db, coll)
}

type connectionStatus struct {
	AuthInfo struct {
		Users      []bson.Raw  `bson:"authenticatedUsers"`
		Roles      []userRole  `bson:"authenticatedUserRoles"`
		Privileges []privilege `bson:"authenticatedUserPrivileges"`
	} `bson:"authInfo"`
}

type userRole struct {
	Role string `bson:"role"`
	DB   string `bson:"db"`
}

type privilege struct {
	Resource struct {
		Cluster     bool    `bson:"cluster"`
		AnyResource bool    `bson:"anyResource"`
		DB          *string `bson:"db"`
		Collection  *string `bson:"collection"`
	} `bson:"resource"`
	Actions []string `bson:"actions"`
}

// without removes the actions that the privileges grant on the namespace.
func without(actions []string, privileges []privilege, source, db, coll string) []string {
	for _, p := range privileges {
		res := p.Resource
		match := res.Cluster || res.AnyResource
		if res.DB != nil && res.Collection != nil {
			anyColl := *res.Collection == "" || *res.Collection == coll
			match = match || *res.DB == "" && anyColl || *res.DB == source && *res.Collection == "" || *res.DB == db && anyColl
		}
		if match {
			actions = slices.DeleteFunc(actions, func(a string) bool { return slices.Contains(p.Actions, a) })
		}
	}
	return actions
}
