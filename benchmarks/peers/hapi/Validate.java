import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.model.AbstractGroup;
import ca.uhn.hl7v2.model.GenericMessage;
import ca.uhn.hl7v2.model.Group;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.model.Segment;
import ca.uhn.hl7v2.model.Structure;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/**
 * Reads messages, one in base64 per line, by HAPI with its default validation, and walks what it made of each:
 * segments that the structure does not know, required segments and fields that are missing, fields that repeat
 * too often. Prints a line each: the structure's class, a tab, the findings.
 */
public class Validate {
    public static void main(String[] given) throws Exception {
        var parser = new DefaultHapiContext().getPipeParser();
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line; (line = lines.readLine()) != null; ) {
            String text = new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8);
            String name = "unreadable";
            List<String> findings = new ArrayList<>();
            try {
                Message message = parser.parse(text);
                name = message.getClass().getSimpleName();
                if (!(message instanceof GenericMessage)) walk(message, name, findings);
            } catch (HL7Exception error) {
                findings.add(String.valueOf(error.getMessage()));
            }
            System.out.println(name + "\t" + String.join("; ", findings).replaceAll("[\r\n\t]", " "));
        }
    }

    static void walk(Group group, String where, List<String> findings) throws HL7Exception {
        for (String name : ((AbstractGroup) group).getNonStandardNames()) findings.add(where + " may not hold " + name);
        for (String name : group.getNames()) {
            Structure[] there = group.getAll(name);
            boolean isFilled = Arrays.stream(there).anyMatch(Validate::isFilled);
            if (group.isRequired(name) && !isFilled) findings.add(where + " lacks " + name);
            if (!group.isRepeating(name) && there.length > 1) findings.add(where + " repeats " + name);
            for (Structure one : there) {
                if (!isFilled(one)) continue;
                if (one instanceof Group) walk((Group) one, where + "/" + name, findings);
                else look((Segment) one, findings);
            }
        }
    }

    static void look(Segment segment, List<String> findings) throws HL7Exception {
        for (int number = 1; number <= segment.numFields(); number++) {
            var values = segment.getField(number);
            boolean isFilled = false;
            for (var value : values) isFilled |= !value.isEmpty();
            String place = segment.getName() + "-" + number;
            if (segment.isRequired(number) && !isFilled) findings.add(place + " is required");
            int most = segment.getMaxCardinality(number);
            if (most > 0 && values.length > most) findings.add(place + " repeats");
        }
    }

    static boolean isFilled(Structure one) {
        try {
            return !one.isEmpty();
        } catch (HL7Exception error) {
            return true;
        }
    }
}
