using Berth.Abstractions;

namespace Berth.Plugins.Oci;

/// <summary>A container, or a sandbox's init, as its monitor needs to know it.</summary>
internal sealed record MonitoredContainer
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required string Bundle { get; init; }

    public required ContainerFiles Files { get; init; }

    /// <summary>Null drops the output.</summary>
    public string? LogPath { get; init; }

    public bool Terminal { get; init; }

    public bool Stdin { get; init; }

    public bool StdinOnce { get; init; }

    public static MonitoredContainer Of(CreateContainerRequest request) => new()
    {
        Id = request.ContainerId,
        Name = request.Name,
        Bundle = request.BundlePath,
        Files = new(request.PrivateDirectory),
        LogPath = request.LogPath,
        Terminal = request.Terminal,
        Stdin = request.Stdin,
        StdinOnce = request.StdinOnce,
    };

    /// <summary>The sandbox's own init runs as a container under the sandbox's id.</summary>
    public static MonitoredContainer Of(PrepareSandboxRequest request) => new()
    {
        Id = request.SandboxId,
        Name = request.Pod.Name,
        Bundle = request.BundlePath,
        Files = new(request.PrivateDirectory),
    };
}
