import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.StreamJoined;

/** The peer of the join: the same inner join within 24 hours, exactly once, on strings. */
public class StreamsJoin {
    public static void main(String[] args) {
        String bootstrap = args[0], id = args[1], left = args[2], right = args[3], out = args[4], dir = args[5];
        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, id);
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        p.put(StreamsConfig.STATE_DIR_CONFIG, dir);
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        p.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        p.put("auto.offset.reset", "earliest");
        StreamsBuilder b = new StreamsBuilder();
        Consumed<String, String> text = Consumed.with(Serdes.String(), Serdes.String());
        b.stream(left, text)
            .join(b.stream(right, text),
                (l, r) -> l.substring(0, l.length() - 1) + "," + r.substring(1), // two JSON objects become one
                JoinWindows.ofTimeDifferenceAndGrace(Duration.ofHours(24), Duration.ZERO),
                StreamJoined.with(Serdes.String(), Serdes.String(), Serdes.String()))
            .to(out, Produced.with(Serdes.String(), Serdes.String()));
        KafkaStreams streams = new KafkaStreams(b.build(), p);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
        streams.start();
    }
}
