import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.main.Main;

/** Camel between an MLLP door and a topic, acknowledged when the record is: java Server.java PORT BOOTSTRAP TOPIC. */
public class Server {
    public static void main(String[] given) throws Exception {
        String door = "mllp:127.0.0.1:" + given[0] + "?autoAck=true&exchangePattern=InOnly&maxConcurrentConsumers=200&backlog=128";
        String topic = "kafka:" + given[2] + "?brokers=" + given[1]
                + "&requestRequiredAcks=all&synchronous=true&lingerMs=0";
        var main = new Main();
        main.configure().addRoutesBuilder(new RouteBuilder() {
            @Override
            public void configure() {
                from(door).convertBodyTo(byte[].class).setBody(body()).to(withBytes(topic));
            }
        });
        main.run();
    }

    private static String withBytes(String topic) {
        return topic + "&valueSerializer=org.apache.kafka.common.serialization.ByteArraySerializer";
    }
}
