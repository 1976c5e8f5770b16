namespace Berth.Images.Registries;

/// <summary>Which names are the same registry.</summary>
internal static class RegistryHostName
{
    /// <summary>The host that serves a registry's API.</summary>
    public static string Server(string registry) => registry == "docker.io" ? "registry-1.docker.io" : registry;

    /// <summary>The registry that a host, an address with a scheme, or a key of docker's config.json stands for.</summary>
    public static string Normalise(string address)
    {
        var scheme = address.IndexOf("://", StringComparison.Ordinal);
        var host = (scheme < 0 ? address : address[(scheme + 3)..]).Split('/', 2)[0].ToLowerInvariant();
        return host is "index.docker.io" or "registry-1.docker.io" or "docker.io" ? "docker.io" : host;
    }

    /// <summary>Whether it is this machine.</summary>
    public static bool IsLoopback(string registry)
    {
        var host = Uri.TryCreate($"http://{registry}", UriKind.Absolute, out var uri) ? uri : null;
        return host is not null && host.IsLoopback;
    }
}
