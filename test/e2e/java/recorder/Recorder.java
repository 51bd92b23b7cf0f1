import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.mongodb.kafka.connect.sink.MongoAnswers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.HeaderConverter;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/**
 * Answers the cases of golden files with Java's own classes: java Recorder IN OUT copies the files
 * below IN to OUT, with the output and the error that the classes give.
 */
public final class Recorder {
    static final ObjectMapper MAPPER = new ObjectMapper()
        .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS).enable(DeserializationFeature.USE_BIG_INTEGER_FOR_INTS);

    public static void main(String[] args) throws Exception {
        Path in = Paths.get(args[0]), out = Paths.get(args[1]);
        List<Path> files;
        try (Stream<Path> all = Files.walk(in)) {
            files = all.filter(p -> p.toString().endsWith(".json")).collect(Collectors.toList());
        }
        for (Path f : files) {
            JsonNode file = MAPPER.readTree(f.toFile());
            for (JsonNode c : file.path("cases")) answer(file.path("area").asText(), file.path("subject").asText(), (ObjectNode) c);
            Path to = out.resolve(in.relativize(f));
            Files.createDirectories(to.getParent());
            MAPPER.writeValue(to.toFile(), file);
        }
    }

    interface Step { JsonNode run() throws Throwable; }

    private static final class Failure extends Exception {
        final String stage;
        Failure(String stage, Throwable cause) { super(cause); this.stage = stage; }
    }

    static JsonNode at(String stage, Step step) throws Failure {
        try {
            return step.run();
        } catch (Throwable t) {
            throw new Failure(stage, t);
        }
    }

    private static void answer(String area, String subject, ObjectNode c) {
        c.remove("error");
        c.putNull("output");
        Map<String, String> config = new LinkedHashMap<>();
        c.path("config").fields().forEachRemaining(e -> config.put(e.getKey(), e.getValue().asText()));
        try {
            c.set("output", area.equals("transforms") ? transform(subject, config, c)
                : area.equals("converters") ? convert(subject, config, c)
                : area.equals("avro") ? at("convert", () -> AvroAnswers.convert(config, c.path("op").asText(), c.path("input")))
                : mongo(config, c));
        } catch (Failure f) {
            if (f.getCause() instanceof Values.NoInput || f.getCause() instanceof MongoAnswers.Late) c.put("left out", f.getCause().getMessage());
            if (f.getCause() instanceof StackOverflowError) c.put("left out", "a schema that contains itself cannot be described");
            boolean tolerated = f.getCause() instanceof MongoAnswers.Tolerated;
            describe(c.putObject("error"), tolerated ? f.getCause().getCause() : f.getCause()).put("stage", f.stage).put("tolerated", tolerated);
        }
    }

    private static ObjectNode describe(ObjectNode o, Throwable t) {
        o.put("class", t.getClass().getName()).put("message", masked(t.getMessage()));
        if (t.getCause() != null) o.putObject("cause").put("class", t.getCause().getClass().getName()).put("message", masked(t.getCause().getMessage()));
        return o;
    }

    private static String masked(String text) {
        return text == null ? null : text.replaceAll("@[0-9a-f]{5,8}\\b", "@HASH")
            .replaceAll("java\\.util\\.(Arrays\\$ArrayList|ImmutableCollections\\$List\\w*|LinkedList|Collections\\$\\w*List)", "java.util.ArrayList")
            .replaceAll("java\\.util\\.(LinkedHashMap|TreeMap|Collections\\$\\w*Map)", "java.util.HashMap");
    }

    private static Object make(String name) throws Failure {
        Object[] made = new Object[1];
        at("configure", () -> { made[0] = Class.forName(name).getDeclaredConstructor().newInstance(); return null; });
        return made[0];
    }

    /** Makes the input of a case: where that fails, the case is left out. */
    static <T> T input(Supplier<T> make) {
        try {
            return make.get();
        } catch (Values.NoInput e) {
            throw e;
        } catch (RuntimeException e) {
            throw new Values.NoInput(e);
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static JsonNode transform(String subject, Map<String, String> config, JsonNode c) throws Failure {
        ConnectRecord[] in = new ConnectRecord[1];
        at("apply", () -> { in[0] = input(() -> Values.record(c.path("input"), c.path("recordType").asText().equals("source"))); return null; });
        ConnectRecord r = in[0];
        Object made = make(subject);
        if (made instanceof Predicate) {
            Predicate p = (Predicate) made;
            at("configure", () -> { p.configure(config); return null; });
            return at("apply", () -> Values.value(null, p.test(r)));
        }
        Transformation t = (Transformation) made;
        at("configure", () -> { t.configure(config); return null; });
        return at("apply", () -> Values.record(t.apply(r)));
    }

    private static JsonNode convert(String subject, Map<String, String> config, JsonNode c) throws Failure {
        Object made = make(subject);
        JsonNode in = c.path("input");
        String op = c.path("op").asText(), topic = in.path("topic").asText();
        Map<String, Object> all = new HashMap<>(config);
        at("configure", () -> {
            if (op.endsWith("Header")) {
                all.putIfAbsent("converter.type", "header");
                ((HeaderConverter) made).configure(all);
            } else {
                ((Converter) made).configure(all, false);
            }
            return null;
        });
        return at("convert", () -> {
            Schema s = input(() -> Values.schema(in.path("schema")));
            Object v = input(() -> Values.value(s, in.path("value")));
            switch (op) {
                case "fromConnectData": return Values.raw(((Converter) made).fromConnectData(topic, s, v));
                case "fromConnectHeader": return Values.raw(((HeaderConverter) made).fromConnectHeader(topic, "h", s, v));
                case "toConnectData": return Values.both(((Converter) made).toConnectData(topic, Values.raw(in.path("data"))));
                default: return Values.both(((HeaderConverter) made).toConnectHeader(topic, "h", Values.raw(in.path("data"))));
            }
        });
    }

    private static JsonNode mongo(Map<String, String> config, JsonNode c) throws Failure {
        JsonNode in = c.path("input");
        if (c.path("op").asText().equals("convert")) return at("convert", () -> MongoAnswers.convert((SinkRecord) Values.record(in, false)));
        MongoAnswers[] m = new MongoAnswers[1];
        at("configure", () -> { m[0] = new MongoAnswers(config); return null; });
        return at("convert", () -> m[0].process((SinkRecord) Values.record(in, false), in.toString()));
    }
}
