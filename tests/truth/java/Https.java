import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Makes a request of HTTPS for each line of the input, and prints what came of it as a line: java Https.java CA
 *
 * <p>{"port": 8443, "timeout": 300} is GET /until-close, for so many milliseconds; CA is whom it trusts (PEM). What it
 * prints is empty if there was no error.
 */
public class Https {
    private static final Pattern REQUEST = Pattern.compile("\\{\"port\": (\\d+), \"timeout\": (\\d+)\\}");

    public static void main(String[] words) throws Exception {
        TrustManagerFactory trust = trust(words[0]);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = input.readLine()) != null; ) {
            Matcher request = REQUEST.matcher(line);
            request.matches();
            String said = get(trust, request.group(1), Duration.ofMillis(Integer.parseInt(request.group(2))));
            System.out.println('"' + said.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"');
        }
    }

    private static TrustManagerFactory trust(String path) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (FileInputStream file = new FileInputStream(path)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        return trust;
    }

    /** Has a client and a context for each request, which know nothing of earlier sessions. */
    private static String get(TrustManagerFactory trust, String port, Duration timeout) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).sslContext(context).build();
        URI address = URI.create("https://localhost:" + port + "/until-close");
        try {
            client.send(HttpRequest.newBuilder(address).timeout(timeout).build(), BodyHandlers.ofString());
            return "";
        } catch (IOException error) {
            return error.getClass().getSimpleName() + ": " + error.getMessage();
        }
    }
}
