import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.sourcelab.kafka.connect.apiclient.Configuration;
import org.sourcelab.kafka.connect.apiclient.KafkaConnectClient;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorPluginConfigDefinition;
import org.sourcelab.kafka.connect.apiclient.request.dto.NewConnectorDefinition;
import org.sourcelab.kafka.connect.apiclient.request.post.PostConnectorRestart;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.ConcurrentConfigModificationException;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.InvalidRequestException;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.ResourceNotFoundException;

/** The whole life of a connector through org.sourcelab:kafka-connect-client. */
public class ConnectLife {
    static final String NAME = "java life";

    public static void main(String[] args) throws Exception {
        KafkaConnectClient client = new KafkaConnectClient(new Configuration(args[0]));
        check("4.3.1", client.getConnectServerVersion().getVersion());
        check(true, client.getConnectorPlugins().stream().anyMatch(p -> p.getClassName().endsWith("DatagenConnector")));

        Map<String, String> config = new TreeMap<>(Map.of("connector.class", "DatagenSource", "kafka.topic", "java_life",
            "quickstart", "ORDERS", "max.interval", "50", "tasks.max", "2"));
        config.put("name", NAME);
        check(0, client.validateConnectorPluginConfig(new ConnectorPluginConfigDefinition("DatagenSource", config)).getErrorCount());
        check(NAME, client.addConnector(NewConnectorDefinition.newBuilder().withName(NAME).withConfig(config).build()).getName());
        // Read right after it was created.
        check(true, client.getConnectors().contains(NAME));
        check(config, new TreeMap<>(client.getConnectorConfig(NAME)));
        await("tasks", () -> states(client).equals(List.of("RUNNING", "RUNNING", "RUNNING")));
        check(2, client.getConnectorTasks(NAME).size());
        check("RUNNING", client.getConnectorTaskStatus(NAME, 1).getState());
        check("source", client.getConnectorStatus(NAME).getType());
        check(true, client.getConnectorsWithAllExpandedMetadata().getConnectorNames().contains(NAME));
        check("DatagenSource", client.getConnectorsWithExpandedInfo().getDefinitionForConnector(NAME).getConfig().get("connector.class"));
        check("RUNNING", client.getConnectorsWithExpandedStatus().getStatusForConnector(NAME).getConnector().get("state"));
        await("topics", () -> client.getConnectorTopics(NAME).getTopics().contains("java_life"));
        check(true, client.resetConnectorTopics(NAME));

        check(true, client.pauseConnector(NAME));
        await("pause", () -> states(client).equals(List.of("PAUSED", "PAUSED", "PAUSED")));
        check(true, client.resumeConnector(NAME));
        await("resume", () -> states(client).equals(List.of("RUNNING", "RUNNING", "RUNNING")));
        check(true, client.restartConnectorTask(NAME, 0));
        check(true, client.restartConnector(NAME));
        check(true, client.restartConnector(new PostConnectorRestart(NAME).withIncludeTasks(true).withOnlyFailed(false)));
        await("restart", () -> states(client).equals(List.of("RUNNING", "RUNNING", "RUNNING")));
        check(true, client.stopConnector(NAME));
        await("stop", () -> states(client).equals(List.of("STOPPED")));
        check(true, client.resumeConnector(NAME));

        config.put("tasks.max", "1");
        check(config, new TreeMap<>(client.updateConnectorConfig(NAME, config).getConfig()));
        await("one task", () -> states(client).equals(List.of("RUNNING", "RUNNING")));

        refused(ConcurrentConfigModificationException.class, () -> client.addConnector(NewConnectorDefinition.newBuilder().withName(NAME).withConfig(config).build()));
        Map<String, String> bad = new TreeMap<>(config);
        bad.put("tasks.max", "many");
        refused(InvalidRequestException.class, () -> client.updateConnectorConfig(NAME, bad));
        check(true, client.deleteConnector(NAME));
        refused(ResourceNotFoundException.class, () -> client.getConnectorStatus(NAME));
        refused(ResourceNotFoundException.class, () -> client.getConnector(NAME));
        refused(ResourceNotFoundException.class, () -> client.deleteConnector(NAME));
        System.out.println("life completed");
        System.exit(0); // the client's connections keep threads
    }

    static List<String> states(KafkaConnectClient client) {
        var status = client.getConnectorStatus(NAME);
        List<String> all = new ArrayList<>(List.of(status.getConnector().get("state")));
        status.getTasks().forEach(t -> all.add(t.getState()));
        return all;
    }

    static void check(Object want, Object got) {
        if (!want.equals(got)) {
            throw new AssertionError("got " + got + ", want " + want);
        }
    }

    static void await(String what, Supplier<Boolean> done) throws InterruptedException {
        for (long end = System.currentTimeMillis() + 60_000; ; Thread.sleep(50)) {
            try {
                if (done.get()) {
                    return;
                }
            } catch (ResourceNotFoundException notYet) {
                // no status yet
            }
            if (System.currentTimeMillis() > end) {
                throw new AssertionError("waited in vain for " + what);
            }
        }
    }

    static void refused(Class<? extends Exception> want, Runnable request) {
        try {
            request.run();
        } catch (Exception e) {
            if (want.isInstance(e)) {
                return;
            }
            throw new AssertionError("got " + e + ", want " + want, e);
        }
        throw new AssertionError("not refused with " + want);
    }
}
