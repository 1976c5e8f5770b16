using Berth.Configuration;
using k8s;
using k8s.Autorest;
using k8s.Exceptions;

namespace Berth.Cluster;

/// <summary>The client of the API server, by the configured credentials.</summary>
internal static class ClusterConnection
{
    public static Kubernetes Open(ClusterOptions options, ServiceAccount account)
    {
        var config = options.InCluster ? account.Read() : KubernetesClientConfiguration.BuildConfigFromConfigFile(options.Kubeconfig);
        config.HttpClientTimeout = TimeSpan.FromSeconds(20);
        return new(config);
    }

    /// <summary>
    /// Whether it is tried again: always, unless the gateway ends. Credentials, answers and the client's own readers of both throw what they
    /// like (YamlException, CryptographicException, JsonException and more), and none of it may end the gateway.
    /// </summary>
    public static bool IsFailure(Exception e, CancellationToken stopping) => e is not OperationCanceledException || !stopping.IsCancellationRequested;

    public static string Describe(Exception e) => e switch
    {
        HttpOperationException { Response: { } response } http => $"{(int)response.StatusCode} {response.StatusCode} to {http.Request.Method} {http.Request.RequestUri?.AbsolutePath}",
        HttpRequestException or KubeConfigException or IOException => e.Message,
        OperationCanceledException => "the API server does not answer",
        _ => $"{e.GetType().Name}: {e.Message}",
    };
}
