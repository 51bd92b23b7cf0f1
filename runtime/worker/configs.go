package worker

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"culvert/connectors"
	"culvert/fault"
	"culvert/kafka"
	"culvert/runtime/task"
)

// TaskConfigs makes the task configs of a connector as Java writes them into the
// config topic (Worker.connectorTaskConfigs): the plugin's, with task.class and
// the subscription. The plugin sees what variables stand for; what is written holds
// the variables.
func (w *Worker) TaskConfigs(connector string, props map[string]string) ([]map[string]string, error) {
	resolved, err := w.cfg.Providers.Resolve(props)
	if err != nil {
		return nil, w.cfg.Secrets.Error(err)
	}
	secrets := resolved.Secrets.With(w.cfg.Secrets)
	defer secrets.Panic()
	configs, err := w.taskConfigs(connector, resolved.Props)
	if err != nil {
		return nil, secrets.Error(err)
	}
	return resolved.Secrets.Unresolve(configs), nil
}

func (w *Worker) taskConfigs(connector string, props map[string]string) ([]map[string]string, error) {
	keys, err := parseConnector(props)
	if err != nil {
		return nil, err
	}
	p, err := w.cfg.Plugins.Connector(keys.Class)
	if err != nil {
		return nil, err
	}
	most, divided, err := w.mostTasks(connector, props, &keys)
	if err != nil {
		return nil, err
	}
	configs, err := p.Tasks(props, most)
	if err != nil {
		return nil, err
	}
	if err := checkTasksMax(connector, len(configs), &keys, w.cfg.Log); err != nil {
		return nil, err
	}
	for i, c := range configs {
		c = maps.Clone(c) // the plugin's copy is the plugin's
		c["task.class"] = p.TaskClass
		for _, k := range []string{"topics", "topics.regex"} {
			if v, ok := props[k]; ok {
				c[k] = v
			}
		}
		if divided || p.Transactional {
			c[tasksKey] = strconv.Itoa(len(configs))
		}
		configs[i] = c
	}
	return configs, nil
}

// CheckTasks is Java's look at tasks.max.enforce before a task starts
// (Worker.startTask), with the error that it has when they are made.
func (w *Worker) CheckTasks(connector string, props map[string]string, tasks int) error {
	keys, err := parseConnector(w.adapt(props))
	if err != nil {
		return nil // the task says what is wrong
	}
	return checkTasksMax(connector, tasks, &keys, slog.New(slog.DiscardHandler)) // it was warned about when they were made
}

// MaxRestarts is how often a failed task of the connector is restarted by itself: 0
// never, below 0 without end.
func (w *Worker) MaxRestarts(props map[string]string) int {
	keys, err := parseConnector(w.adapt(props))
	if err != nil {
		return 0 // its tasks say what is wrong
	}
	return keys.MaxRestarts
}

// mostTasks is tasks.max, after a look at a stateful transformation.
func (w *Worker) mostTasks(connector string, props map[string]string, keys *connectorKeys) (most int, stateful bool, err error) {
	if len(keys.Transforms) == 0 {
		return keys.TasksMax, false, nil
	}
	s, err := buildStages(w.cfg.Plugins, props, keys, w.cfg.Log)
	if err != nil || s.plan == nil {
		return keys.TasksMax, false, err
	}
	if err := checkSubscribed(&s, keys); err != nil {
		return 0, true, err
	}
	if !s.plan.Copartitioned() && keys.TasksMax > 1 {
		return 0, true, fault.New(fault.Config, "join.tasks",
			"tasks.max is %d, but the join of connector %s is not copartitioned: its state spans all partitions, so one task owns them all", keys.TasksMax, connector).
			WithField("tasks.max").WithFix("Set tasks.max=1, or join on the record key.")
	}
	return keys.TasksMax, true, nil
}

// checkSubscribed makes sure that the inputs of a stateful transformation are the
// topics of the connector: one that is read by one alone is a slip of the pen, and
// its records would never come.
func checkSubscribed(s *stages, keys *connectorKeys) error {
	sub, err := subscription(keys)
	if err != nil {
		return err
	}
	inputs := s.plan.Inputs()
	for _, t := range inputs {
		matches := sub.Pattern == nil
		if !matches {
			if matches, err = sub.Pattern.Matches(t); err != nil {
				return err
			}
		}
		if !matches {
			return fault.New(fault.Config, "join.topics", "topics.regex is %s, which does not match '%s', an input of transformation '%s'", keys.TopicsRegex, t, s.alias).
				WithField("topics.regex").WithFix("Set topics=%s instead.", strings.Join(inputs, ","))
		}
		if sub.Pattern == nil && !slices.Contains(sub.Topics, t) {
			return fault.New(fault.Config, "join.topics", "topics is %s, without '%s', an input of transformation '%s'", strings.Join(sub.Topics, ","), t, s.alias).
				WithField("topics").WithFix("Set topics=%s, or correct the inputs of transforms.%s.", strings.Join(inputs, ","), s.alias)
		}
	}
	for _, t := range sub.Topics {
		if !slices.Contains(inputs, t) {
			return fault.New(fault.Config, "join.topics", "topics lists '%s', which is no input of transformation '%s': its records would go nowhere", t, s.alias).
				WithField("topics").WithFix("Set topics=%s, or correct the inputs of transforms.%s.", strings.Join(inputs, ","), s.alias)
		}
	}
	return nil
}

// checkTasksMax is Java's TooManyTasksException (KIP-1004).
func checkTasksMax(connector string, tasks int, keys *connectorKeys, log *slog.Logger) error {
	switch {
	case tasks <= keys.TasksMax:
		return nil
	case !keys.TasksMaxEnforce:
		log.Warn("the connector makes more tasks than it may; they run, since tasks.max.enforce is false", "connector", connector, "tasks", tasks, "tasks.max", keys.TasksMax)
		return nil
	}
	return fault.New(fault.Fatal, "connect.too_many_tasks",
		"The connector %s has generated %d tasks, which is greater than %d, the maximum number of tasks it is configured to create. "+
			"This behaviour should be considered a bug and is disallowed. If necessary, it can be permitted by reconfiguring the connector "+
			"with 'tasks.max.enforce' set to false; however, this option will be removed in a future release of Kafka Connect.",
		connector, tasks, keys.TasksMax).WithJava("org.apache.kafka.connect.runtime.TooManyTasksException")
}

// CheckInputs looks whether the input topics of a connector with a stateful
// transformation fit: partition counts, retention, cleanup policy, number of
// tasks. It is for the validation of a configuration, and asks the cluster. Nil
// for other connectors, and while a topic or the cluster is missing: the task
// waits for those. Other errors have class Config and the key in Field.
func (w *Worker) CheckInputs(ctx context.Context, connector string, props map[string]string) error {
	keys, err := parseConnector(props)
	if err != nil || len(keys.Transforms) == 0 {
		return nil // the validation of the keys themselves says it better
	}
	s, err := buildStages(w.cfg.Plugins, props, &keys, w.cfg.Log)
	if e := fault.Of(err); e != nil && e.Code == codeStateful {
		return err // a rule over several keys, which those know nothing of
	}
	if err != nil || s.plan == nil {
		return nil
	}
	if p, err := w.cfg.Plugins.Connector(keys.Class); err == nil && p.Kind == connectors.SourceKind {
		return statefulSource(s.alias, s.class)
	}
	if _, _, err := w.mostTasks(connector, props, &keys); err != nil {
		return err
	}
	b := &builder{w: w, id: task.ID{Connector: connector}, conn: props, log: w.cfg.Log}
	admin, err := kafka.OpenAdmin(ctx, b.settings(kafka.AdminRole, adminClient))
	if err == nil {
		defer admin.Close()
		_, err = task.CheckInputs(ctx, admin, s.plan, s.alias)
	}
	if fault.Is(err, fault.Config) {
		return err
	}
	return nil
}

// codeStateful is the code of a chain in which a stateful transformation has no place.
const codeStateful = "connect.stateful"

func statefulSource(alias, class string) error {
	return fault.New(fault.Config, codeStateful, "transformation '%s' (%s) keeps state, which a source cannot have", alias, class).
		WithField("transforms." + alias + ".type").WithFix("Use it in a sink connector, for instance culvert.connectors.TopicSink.")
}
