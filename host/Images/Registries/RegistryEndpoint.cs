namespace Berth.Images.Registries;

/// <summary>One address that serves a registry's images: a mirror, or the registry itself.</summary>
internal sealed record RegistryEndpoint
{
    /// <summary>The root of the API, usually ending in <c>/v2</c>.</summary>
    public required Uri Api { get; init; }

    /// <summary>The registry itself, not a mirror: the credentials of the request are for it alone.</summary>
    public bool IsServer { get; init; }

    /// <summary>May say which image a tag is.</summary>
    public bool CanResolve { get; init; } = true;

    /// <summary>May serve content by digest.</summary>
    public bool CanPull { get; init; } = true;

    public bool SkipVerify { get; init; }

    /// <summary>Use http where https finds no TLS; for registries on this machine only.</summary>
    public bool MayFallBackToHttp { get; init; }

    /// <summary>PEM files of authorities that count beside the system's.</summary>
    public IReadOnlyList<string> CaFiles { get; init; } = [];

    /// <summary>PEM files of client certificates and their keys; the key's is the same where it is not apart.</summary>
    public IReadOnlyList<(string Certificate, string Key)> ClientFiles { get; init; } = [];

    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>The host with its port, as messages and credentials name it.</summary>
    public string Host => Api.IsDefaultPort ? Api.Host : $"{Api.Host}:{Api.Port}";
}
