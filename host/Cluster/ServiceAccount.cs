using System.Security.Cryptography.X509Certificates;
using k8s;
using k8s.Authentication;
using k8s.Exceptions;

namespace Berth.Cluster;

/// <summary>The credentials that Kubernetes puts into a pod: its token, which is renewed there, the cluster's certificate, and where the API server is.</summary>
/// <param name="Folder">The files.</param>
/// <param name="Host">The server's address; null outside a cluster.</param>
/// <param name="Port">Its port.</param>
internal sealed record ServiceAccount(string Folder, string? Host, string? Port)
{
    /// <summary>As https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ has them.</summary>
    public static ServiceAccount OfThisPod => new(
        "/var/run/secrets/kubernetes.io/serviceaccount", Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST"), Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_PORT"));

    /// <exception cref="KubeConfigException">This process is in no pod of a cluster.</exception>
    public KubernetesClientConfiguration Read()
    {
        if (Host is not { Length: > 0 } || !int.TryParse(Port, out var port))
        {
            throw new KubeConfigException("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: the gateway runs in no pod of the cluster; name a kubeconfig instead of cluster.inCluster");
        }

        var token = Path.Combine(Folder, "token");
        if (!File.Exists(token))
        {
            throw new KubeConfigException($"{token} is not there: the pod has no service account's token (automountServiceAccountToken)");
        }

        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(Path.Combine(Folder, "ca.crt"));
        return new()
        {
            // It puts the brackets around an address of IPv6.
            Host = new UriBuilder(Uri.UriSchemeHttps, Host, port).ToString(),
            SslCaCerts = authorities,
            TokenProvider = new TokenFileAuth(token),
        };
    }
}
