import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.util.Terser;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

/**
 * Sends messages, one in base64 per line of input, over one link: java Client.java PORT. HAPI takes an answer only
 * when its MSA-2 fits and its default validation passes. Prints MSA-1, a tab, MSA-2, for each.
 */
public class Client {
    public static void main(String[] given) throws Exception {
        try (var context = new DefaultHapiContext()) {
            var link = context.newClient("127.0.0.1", Integer.parseInt(given[0]), false);
            var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
            for (String line; (line = lines.readLine()) != null; ) {
                String text = new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8);
                var message = context.getPipeParser().parse(text);
                var answer = new Terser(link.getInitiator().sendAndReceive(message));
                System.out.println(answer.get("/MSA-1") + "\t" + answer.get("/MSA-2"));
            }
            link.close();
        }
        System.exit(0); // HAPI's threads would stay
    }
}
