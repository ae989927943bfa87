import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.*;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * Arms behaviors of Vaurien, beside a client of Toxiproxy, which does the rest. It needs Java 11 or later. From a shell,
 * `java Vaurien.java http://localhost:8474 redis '20:error,10:delay'` arms, and prints what is armed.
 */
public final class Vaurien {
    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final String url, token;

    /** @param token the one that Vaurien was started with, or null */
    public Vaurien(String url, String token) {
        this.url = url;
        this.token = token;
    }

    /** Arms one behavior, or several by weight, with options: `20:error,10:delay(match="GET *", sleep=200ms)`. */
    public void arm(String proxy, String behavior) throws IOException, InterruptedException {
        call("PUT", path(proxy, "behavior"), String.format("{\"behavior\": %s}", quote(behavior)));
    }

    /** Creates a proxy that speaks a protocol, which behaviors need. Port 0 of listen takes a free one. */
    public void create(String name, String listen, String upstream, String protocol) throws IOException, InterruptedException {
        String body = "{\"name\": %s, \"listen\": %s, \"upstream\": %s, \"protocol\": %s}";
        call("POST", "/proxies", String.format(body, quote(name), quote(listen), quote(upstream), quote(protocol)));
    }

    /** Returns the JSON of GET, such as that of `behavior`, `faults` and `status`. */
    public String get(String proxy, String what) throws IOException, InterruptedException {
        return call("GET", path(proxy, what), "");
    }

    private String call(String method, String path, String body) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(url + path)).method(method, BodyPublishers.ofString(body));
        if (token != null) request.header("Authorization", "Bearer " + token);
        var answer = client.send(request.build(), BodyHandlers.ofString());
        if (answer.statusCode() < 400) return answer.body();
        throw new IOException(answer.statusCode() + ": " + answer.body());
    }

    private static String path(String proxy, String rest) {
        return "/proxies/" + URLEncoder.encode(proxy, UTF_8).replace("+", "%20") + "/" + rest;
    }

    private static String quote(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    public static void main(String[] words) throws Exception {
        var vaurien = new Vaurien(words[0], System.getenv("VAURIEN_TOKEN"));
        vaurien.arm(words[1], words[2]);
        System.out.println(vaurien.get(words[1], "behavior"));
    }
}
