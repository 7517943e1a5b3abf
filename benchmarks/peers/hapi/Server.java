import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.app.HL7Service;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.protocol.ReceivingApplication;
import java.io.IOException;
import java.util.Map;

/** HAPI's own MLLP server, which parses, answers and keeps nothing: java Server.java PORT. */
public class Server {
    public static void main(String[] given) throws Exception {
        var context = new DefaultHapiContext();
        HL7Service server = context.newServer(Integer.parseInt(given[0]), false);
        server.registerApplication("*", "*", new Accepting());
        server.startAndWait();
    }

    static class Accepting implements ReceivingApplication<Message> {
        @Override
        public Message processMessage(Message message, Map<String, Object> about) throws HL7Exception {
            try {
                return message.generateACK();
            } catch (IOException error) {
                throw new HL7Exception(error);
            }
        }

        @Override
        public boolean canProcess(Message message) {
            return true;
        }
    }
}
