using Berth.Configuration;
using k8s;
using k8s.Autorest;
using k8s.Exceptions;

namespace Berth.Cluster;

/// <summary>The client of the API server, by the configured credentials.</summary>
internal static class ClusterConnection
{
    public static Kubernetes Open(ClusterOptions options)
    {
        var config = options.InCluster ? KubernetesClientConfiguration.InClusterConfig() : KubernetesClientConfiguration.BuildConfigFromConfigFile(options.Kubeconfig);
        config.HttpClientTimeout = TimeSpan.FromSeconds(20);
        return new(config);
    }

    /// <summary>Whether the server, the way to it or the credentials are at fault, and it is tried again.</summary>
    public static bool IsFailure(Exception e, CancellationToken stopping) =>
        e is HttpOperationException or HttpRequestException or KubeConfigException or IOException || (e is OperationCanceledException && !stopping.IsCancellationRequested);

    public static string Describe(Exception e) => e is HttpOperationException { Response: { } response } http
        ? $"{(int)response.StatusCode} {response.StatusCode} to {http.Request.Method} {http.Request.RequestUri?.AbsolutePath}"
        : e.Message;
}
