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

    /// <summary>The folder of the checkpoint that it goes on from; null for none.</summary>
    public string? RestoreFrom { get; init; }

    /// <summary>Options for the runtime's restore.</summary>
    public IReadOnlyList<string> RestoreOptions { get; init; } = [];

    /// <summary>What CRIU writes down of a restore; conmon gives it the bundle as its place.</summary>
    public string RestoreLog => Path.Combine(Bundle, "restore.log");

    public static MonitoredContainer Of(CreateContainerRequest request) => new()
    {
        RestoreFrom = request.RestoreFrom,
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
