namespace Berth.Guest.Protocol;

/// <summary>The host begins a connection.</summary>
public sealed record Hello
{
    /// <summary><see cref="ProtocolFacts.Version"/> of the host.</summary>
    public required int Version { get; init; }

    /// <summary>Not used before, not to be guessed: it tells this connection's answer from whatever was still under way.</summary>
    public required string Nonce { get; init; }

    /// <summary>The host's clock; the agent sets the guest's if it differs by more than a second.</summary>
    public required DateTimeOffset Now { get; init; }
}

/// <summary>The agent's answer: all that it has.</summary>
public sealed record Welcome
{
    /// <summary><see cref="ProtocolFacts.Version"/> of the agent. If it is not the host's, nothing further is understood.</summary>
    public required int Version { get; init; }

    /// <summary>From the <see cref="Hello"/>.</summary>
    public required string Nonce { get; init; }

    /// <summary>The guest's kernel release.</summary>
    public string Kernel { get; init; } = "";

    /// <summary>Milliseconds since the guest's kernel started.</summary>
    public long UptimeMilliseconds { get; init; }

    /// <summary>The containers that are not deleted.</summary>
    public IReadOnlyList<GuestContainer> Containers { get; init; } = [];
}

/// <summary>A container as the agent knows it.</summary>
public sealed record GuestContainer
{
    /// <summary>The id that the host gave.</summary>
    public required string Id { get; init; }

    /// <summary>Its first process; null while the create has not succeeded.</summary>
    public GuestProcess? Init { get; init; }

    /// <summary>Whether it was started.</summary>
    public bool Started { get; init; }

    /// <summary>Processes of <see cref="Exec"/> whose exit is not acknowledged.</summary>
    public IReadOnlyList<GuestProcess> Execs { get; init; } = [];
}

/// <summary>A process as the agent knows it.</summary>
public sealed record GuestProcess
{
    /// <summary>Names it in frames; the agent's choice, never used twice.</summary>
    public required uint Number { get; init; }

    /// <summary>The id that the host gave; null for a container's first process.</summary>
    public string? ExecId { get; init; }

    /// <summary>In the guest.</summary>
    public int Pid { get; init; }

    /// <summary>Whether it has a terminal; its output is then all stream 1.</summary>
    public bool Terminal { get; init; }

    /// <summary>Bytes of stream 1 that the host has acknowledged; sending begins there.</summary>
    public long Stdout { get; init; }

    /// <summary>Bytes of stream 2 that the host has acknowledged.</summary>
    public long Stderr { get; init; }

    /// <summary>Bytes of standard input that came; the host sends on from there.</summary>
    public long Stdin { get; init; }

    /// <summary>It has ended. <see cref="FrameKind.Exit"/> follows, once the output is acknowledged, unless the host has acknowledged it before.</summary>
    public bool Ended { get; init; }

    /// <summary>How it ended; output may still be on its way.</summary>
    public GuestExit? Exit { get; init; }
}

/// <summary>The end of a process.</summary>
public sealed record GuestExit
{
    /// <summary>The exit status, or 128 + the signal's number.</summary>
    public required int Code { get; init; }

    /// <summary>The kernel killed a process of the container for want of memory.</summary>
    public bool OutOfMemory { get; init; }

    /// <summary>How long ago, when this was sent, in milliseconds: clocks of host and guest may differ.</summary>
    public required long AgeMilliseconds { get; init; }

    /// <summary>Bytes of stream 1 in all.</summary>
    public long Stdout { get; init; }

    /// <summary>Bytes of stream 2 in all.</summary>
    public long Stderr { get; init; }
}
