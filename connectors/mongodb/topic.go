package mongodb

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// topicConfig is the configuration of one topic and what it builds.
type topicConfig struct {
	settings
	topic string

	mapper     mapper
	id         idStrategy
	processors []processor
	write      writeModel
	remove     writeModel // of a record without value; nil: such a record is an error
	cdc        writeModel // instead of processors, write and remove
	limiter    rateLimit
}

// classError is an error of a key that names a class: Java's
// ConnectConfigException.
type classError struct{ key, value, reason string }

func (e *classError) Error() string {
	if e.reason == "" {
		return fmt.Sprintf("Invalid value %s for configuration %s", e.value, e.key)
	}
	return fmt.Sprintf("Invalid value %s for configuration %s: %s", e.value, e.key, e.reason)
}

// buildSteps build the parts of a topic's configuration, in Java's order. Each
// may fail by itself.
var buildSteps = []func(*topicConfig) error{
	(*topicConfig).buildMapper, (*topicConfig).buildID, (*topicConfig).buildProcessors, (*topicConfig).buildWrite,
	(*topicConfig).buildRemove, (*topicConfig).buildLimiter, (*topicConfig).buildCDC, (*topicConfig).buildExactly,
}

func (t *topicConfig) buildMapper() (err error) {
	switch t.Mapper {
	case pkg + "namespace.mapping.DefaultNamespaceMapper":
		t.mapper, err = newFixedMapper(t)
	case pkg + "namespace.mapping.FieldPathNamespaceMapper":
		t.mapper, err = newFieldMapper(t)
	default:
		err = unknownClass(keyMapper, t.Mapper, "NamespaceMapper")
	}
	return err
}

func (t *topicConfig) buildID() (err error) {
	t.id, err = newIDStrategy(t)
	return err
}

func (t *topicConfig) buildProcessors() error {
	list := "[" + strings.Join(t.PostProcessors, ", ") + "]"
	fail := func(err error) error {
		var c *classError
		if errors.As(err, &c) {
			return &classError{key: c.key, value: list, reason: c.reason}
		}
		return err
	}
	hasID := false
	t.processors = nil
	for _, class := range t.PostProcessors {
		p, err := newProcessor(t, class)
		if err != nil {
			return fail(err)
		}
		if _, ok := p.(*idAdder); ok {
			hasID = true
		}
		t.processors = append(t.processors, p)
	}
	if !hasID {
		p, err := newProcessor(t, classIDAdder)
		if err != nil {
			return fail(err)
		}
		t.processors = append([]processor{p}, t.processors...)
	}
	if t.isTimeSeries() && t.TimeConvert {
		p, err := newTimeConverter(t)
		if err != nil {
			return err
		}
		t.processors = append(t.processors, p)
	}
	return nil
}

func (t *topicConfig) buildWrite() (err error) {
	t.write, err = newWriteModel(t, keyWriteModel, t.WriteModel)
	return err
}

// buildRemove is MongoSinkTopicConfig.getDeleteWriteModelStrategy: the default
// strategy needs an id that comes from the key alone.
func (t *topicConfig) buildRemove() (err error) {
	t.remove = nil
	if !t.DeleteOnNull {
		return nil
	}
	if t.DeleteModel != pkg+"writemodel.strategy.DeleteOneDefaultStrategy" {
		t.remove, err = newWriteModel(t, keyDeleteModel, t.DeleteModel)
		return err
	}
	id, err := newIDStrategy(t)
	if err != nil {
		return err
	}
	switch id := id.(type) {
	case fullKey:
	case *partialKey:
	case provided:
		if !id.inKey {
			err = errNoKeyID
		}
	default:
		err = errNoKeyID
	}
	if err != nil {
		return err
	}
	t.remove = &deleteByID{id: id}
	return nil
}

var errNoKeyID = &classError{key: keyDeleteOnNull, value: "true",
	reason: "DeleteOneDefaultStrategy can only be applied when the configured IdStrategy is an instance of: FullKeyStrategy or PartialKeyStrategy or ProvidedInKeyStrategy"}

func (t *topicConfig) buildLimiter() error {
	t.limiter = rateLimit{every: t.RateEvery, wait: time.Duration(t.RateTimeoutMS) * time.Millisecond}
	return nil
}

func (t *topicConfig) buildCDC() error {
	t.cdc = nil
	if t.CDCHandler == "" {
		return nil
	}
	handler, ok := cdcHandlers[strings.TrimPrefix(t.CDCHandler, pkg)]
	if !ok || !isCDCHandler(t.CDCHandler) {
		return unknownClass(keyCDC, t.CDCHandler, "CdcHandler")
	}
	t.cdc = handler
	if t.CDCNoNulls {
		t.cdc = nullFree{handler}
	}
	return nil
}

// unknownClass is Java's error for a class that is not there, or is there and is
// something else.
func unknownClass(key, class, wanted string) error {
	if isOurs(class) {
		return &classError{key, class, fmt.Sprintf("Contract violation class doesn't implement: '%s'", wanted)}
	}
	return &classError{key, class, "Class not found: " + class}
}

// isOurs reports whether the class is one of the sink's own, of whatever kind.
func isOurs(class string) bool {
	name, ok := strings.CutPrefix(class, pkg)
	return ok && slices.Contains(ownClasses, name) || isCDCHandler(class)
}

// ownClasses are those that the tables of the kinds list; the tables cannot be asked,
// since their constructors lead here.
var ownClasses = strings.Fields(`
	processor.id.strategy.BsonOidStrategy processor.id.strategy.FullKeyStrategy processor.id.strategy.KafkaMetaDataStrategy
	processor.id.strategy.PartialKeyStrategy processor.id.strategy.PartialValueStrategy
	processor.id.strategy.ProvidedInKeyStrategy processor.id.strategy.ProvidedInValueStrategy
	processor.id.strategy.UuidProvidedInKeyStrategy processor.id.strategy.UuidProvidedInValueStrategy processor.id.strategy.UuidStrategy
	processor.DocumentIdAdder processor.KafkaMetaAdder processor.NullFieldValueRemover
	processor.AllowListKeyProjector processor.WhitelistKeyProjector processor.BlockListKeyProjector processor.BlacklistKeyProjector
	processor.AllowListValueProjector processor.WhitelistValueProjector processor.BlockListValueProjector processor.BlacklistValueProjector
	processor.field.renaming.RenameByMapping processor.field.renaming.RenameByRegExp
	writemodel.strategy.DefaultWriteModelStrategy writemodel.strategy.ReplaceOneDefaultStrategy writemodel.strategy.InsertOneDefaultStrategy
	writemodel.strategy.ReplaceOneBusinessKeyStrategy writemodel.strategy.UpdateOneDefaultStrategy writemodel.strategy.UpdateOneTimestampsStrategy
	writemodel.strategy.UpdateOneBusinessKeyTimestampStrategy writemodel.strategy.DeleteOneDefaultStrategy
	writemodel.strategy.DeleteOneBusinessKeyStrategy writemodel.strategy.DeleteOneTombstoneBusinessKeyStrategy
	namespace.mapping.DefaultNamespaceMapper namespace.mapping.FieldPathNamespaceMapper`)

// rateLimit counts bulk writes; it belongs to one task.
type rateLimit struct {
	every, count int
	wait         time.Duration
}

// due reports whether the write that was just made is one to wait after.
func (r *rateLimit) due() bool {
	if r.every <= 0 || r.wait <= 0 {
		return false
	}
	r.count++
	return r.count%r.every == 0
}
