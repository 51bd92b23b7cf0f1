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
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/auth"

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

func dial(ctx context.Context, props map[string]string, r *configdef.Report) string {
	s, _ := definition.Parse(props)
	target := "MongoDB at " + hostsOf(s.URI)
	cfg, err := newConfig(props)
	if err != nil {
		return target // Java leaves what only a start finds to the start
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	ask(ctx, &s, cfg, r)
	return target
}

func ask(ctx context.Context, s *settings, cfg *config, r *configdef.Report) {
	opts, err := clientOptions(s, checkSelection)
	if err != nil {
		r.Fail(keyURI, "%s", err.Error())
		return
	}
	client, err := mongo.Connect(opts)
	if err != nil {
		r.Fail(keyURI, "%s", uriFault(s.URI, err).Error())
		return
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }() // a client of its own, thrown away
	if err := client.Ping(ctx, nil); err != nil {
		var a *auth.Error
		if errors.As(err, &a) || hasAny(errorCodes(err), append([]int{atlasError}, authCodes...)) {
			r.Fail(keyURI, "Invalid user permissions authentication failed. %s", explain(err))
		} else {
			r.Fail(keyURI, "Unable to connect to the server.")
		}
		return
	}
	if s.APIVersion != "" && !atLeast5(ctx, client) {
		r.Fail(keyURI, "Server Version API requires MongoDB 5.0 or greater")
	}
	checkExactly(ctx, client, opts, s, r)
	checkTopics(ctx, client, opts, s, cfg, r)
}

// checkExactly looks whether the server can do what culvert.exactly.once needs.
func checkExactly(ctx context.Context, client *mongo.Client, opts *options.ClientOptions, s *settings, r *configdef.Report) {
	if !s.keepsOffsets() {
		return
	}
	if !opts.WriteConcern.Acknowledged() {
		failOnce(r, keyExactly, unacknowledgedText(s.ExactlyOnce))
	}
	if s.ExactlyOnce == exactlyTransact {
		if hello, err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Raw(); err == nil {
			if text := canTransact(hello); text != "" {
				failOnce(r, keyExactly, text)
			}
		}
	}
	if missing := readRights(ctx, client, opts).missing([]string{"find", "insert", "update"}, s.Database, offsetsCollection); len(missing) > 0 {
		failOnce(r, keyURI, fmt.Sprintf("Invalid user permissions. Missing the following action permissions: %s, on %s.%s",
			strings.Join(missing, ", "), s.Database, offsetsCollection))
	}
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

// checkTopics looks, for each topic, at the user's rights and at the time series.
func checkTopics(ctx context.Context, client *mongo.Client, opts *options.ClientOptions, s *settings, cfg *config, r *configdef.Report) {
	targets := []*topicConfig{{settings: *s}} // topics.regex: nobody knows the topics yet
	if len(s.Topics) > 0 {
		targets = targets[:0]
		for _, t := range s.Topics {
			if tc, err := cfg.topic(t); err == nil {
				targets = append(targets, tc)
			}
		}
	}
	rights := readRights(ctx, client, opts)
	for _, t := range targets {
		actions := []string{"insert", "update", "remove"}
		if t.isTimeSeries() && len(s.Topics) > 0 {
			actions = append(actions, "collStats")
		}
		if missing := rights.missing(actions, t.Database, t.Collection); len(missing) > 0 {
			failOnce(r, keyURI, fmt.Sprintf("Invalid user permissions. Missing the following action permissions: %s", strings.Join(missing, ", ")))
		}
		checkSeries(ctx, client, t, r)
	}
}

// checkSeries is TimeseriesValidation.validateConfigAndCollection. As in Java the
// collection is created here already.
func checkSeries(ctx context.Context, client *mongo.Client, t *topicConfig, r *configdef.Report) {
	if !t.isTimeSeries() {
		for key, set := range map[string]bool{keyMetaField: t.MetaField != "", keyExpireAfter: t.ExpireAfter != 0, keyGranularity: t.Granularity != ""} {
			if set {
				failOnce(r, key, fmt.Sprintf("Missing timeseries configuration: `%s`", keyTimeField))
			}
		}
		return
	}
	if !atLeast5(ctx, client) {
		failOnce(r, keyTimeField, "Timeseries support requires MongoDB 5.0 or newer")
	}
	fixed, ok := t.mapper.(*fixedMapper)
	if !ok || len(r.Errors()) > 0 {
		return
	}
	err := ensureSeries(ctx, &driverServer{client: client}, fixed.ns, &t.settings)
	switch {
	case err == nil:
	case fault.Of(err) != nil:
		failOnce(r, keyTimeField, err.Error())
	default:
		failOnce(r, keyTimeField, seriesText(err, fixed.ns))
	}
}

// rights are what the user may do, by its own account; nil where it has none to give.
// A server that does not tell is trusted.
type rights struct {
	source     string
	privileges []privilege
}

// readRights is ConnectionValidator.validateUserHasActions: the user's privileges, and
// those that its roles inherit.
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
		var found struct {
			Roles []struct {
				Inherited []privilege `bson:"inheritedPrivileges"`
			} `bson:"roles"`
		}
		cmd := bson.D{{Key: "rolesInfo", Value: role.Role}, {Key: "showPrivileges", Value: true}, {Key: "showBuiltinRoles", Value: true}}
		if err := client.Database(role.DB).RunCommand(ctx, cmd).Decode(&found); err != nil {
			continue // the user may not look at roles; its privileges speak for themselves
		}
		for _, f := range found.Roles {
			all.privileges = append(all.privileges, f.Inherited...)
		}
	}
	return all
}

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
