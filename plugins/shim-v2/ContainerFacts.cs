using Berth.Abstractions;

namespace Berth.Plugins.ShimV2;

/// <summary>A container, or a sandbox's own, as its shim needs to know it.</summary>
internal sealed record ContainerFacts
{
    public required string Id { get; init; }

    public required ContainerFiles Files { get; init; }

    public required ShimState State { get; init; }

    /// <summary>Null drops the output.</summary>
    public string? LogPath { get; init; }

    public bool Terminal { get; init; }

    public bool Stdin { get; init; }

    public bool StdinOnce { get; init; }

    public static ContainerFacts Of(CreateContainerRequest request, ShimState state) => new()
    {
        Id = request.ContainerId,
        Files = new(request.PrivateDirectory, request.ContainerId),
        State = state,
        LogPath = request.LogPath,
        Terminal = request.Terminal,
        Stdin = request.Stdin,
        StdinOnce = request.StdinOnce,
    };

    /// <summary>The sandbox's own container runs under the sandbox's id; its output is dropped.</summary>
    public static ContainerFacts Of(PrepareSandboxRequest request, ShimState state) => new()
    {
        Id = request.SandboxId,
        Files = new(request.PrivateDirectory, request.SandboxId),
        State = state,
    };

    /// <summary>The same under a shim that is known.</summary>
    public ContainerFacts With(Shim shim) => this with { State = State.With(shim) };

    public string StdinPath => Stdin ? Files.Stdin : "";

    public string StdoutPath => LogPath is null ? "" : Files.Stdout;

    public string StderrPath => LogPath is null || Terminal ? "" : Files.Stderr;
}
