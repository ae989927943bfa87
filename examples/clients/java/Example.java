import eu.rekawek.toxiproxy.ToxiproxyClient;
import eu.rekawek.toxiproxy.model.ToxicDirection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/**
 * Toxics through eu.rekawek.toxiproxy:toxiproxy-java, behaviors through Vaurien.java, for a backend that speaks HTTP:
 *
 *     vaurien --server
 *     java -cp … Example localhost 8474 localhost:80
 */
public final class Example {
    public static void main(String[] words) throws Exception {
        int port = Integer.parseInt(words[1]);
        var vaurien = new Vaurien("http://" + words[0] + ":" + port, System.getenv("VAURIEN_TOKEN"));
        vaurien.create("java", "localhost:0", words[2], "http");
        var proxy = new ToxiproxyClient(words[0], port).getProxy("java");
        try {
            proxy.toxics().latency("late", ToxicDirection.DOWNSTREAM, 10);
            System.out.println("late: " + get(proxy.getListen()));

            vaurien.arm("java", "error(match='GET *', code=503)");
            System.out.println("armed: " + get(proxy.getListen()));
            System.out.println("faults: " + vaurien.get("java", "faults"));
            vaurien.arm("java", "dummy");
            System.out.println("disarmed: " + get(proxy.getListen()));
        } finally {
            proxy.delete();
        }
    }

    private static int get(String address) throws Exception {
        var request = HttpRequest.newBuilder(URI.create("http://" + address + "/")).build();
        return HttpClient.newHttpClient().send(request, BodyHandlers.discarding()).statusCode();
    }
}
