using System.Text.Json.Serialization;

namespace Berth.Guest.Protocol;

/// <summary>The answer to a request: <see cref="Error"/>, or success and what the request asked for.</summary>
public sealed record GuestResponse
{
    /// <summary>Why it failed; null: it succeeded.</summary>
    public GuestError? Error { get; init; }

    /// <summary>Of create and exec.</summary>
    public GuestProcess? Process { get; init; }

    /// <summary>Of stats.</summary>
    public GuestStats? Stats { get; init; }

    /// <summary>Of open port.</summary>
    public uint? Connection { get; init; }

    /// <summary>Of read files: contents by name.</summary>
    public IReadOnlyDictionary<string, byte[]>? Files { get; init; }

    /// <summary>Of ping.</summary>
    public GuestHealth? Health { get; init; }
}

/// <summary>A failure.</summary>
/// <param name="Code">Its kind.</param>
/// <param name="Message">For people.</param>
public sealed record GuestError(GuestErrorCode Code, string Message);

/// <summary>Kinds of failures.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<GuestErrorCode>))]
public enum GuestErrorCode
{
    /// <summary>Something in the guest went wrong.</summary>
    Internal,

    /// <summary>The request cannot be understood or done as it is.</summary>
    InvalidArgument,

    /// <summary>There is no such container, process or disk.</summary>
    NotFound,

    /// <summary>The state does not allow it.</summary>
    FailedPrecondition,

    /// <summary>Nothing listens there, or the runtime failed; it may work later.</summary>
    Unavailable,
}

/// <summary>A container's usage from its cgroup (v2).</summary>
public sealed record GuestStats
{
    /// <summary>Nanoseconds of processor time.</summary>
    public long CpuNanoseconds { get; init; }

    /// <summary>Bytes, page cache included.</summary>
    public long MemoryCurrentBytes { get; init; }

    /// <summary>Bytes without what can be reclaimed at once (inactive_file).</summary>
    public long MemoryWorkingSetBytes { get; init; }

    /// <summary>Bytes of anonymous memory.</summary>
    public long MemoryRssBytes { get; init; }

    /// <summary>The limit in bytes; 0 for none.</summary>
    public long MemoryLimitBytes { get; init; }

    /// <summary>Page faults.</summary>
    public long PageFaults { get; init; }

    /// <summary>Page faults that read from a disk.</summary>
    public long MajorPageFaults { get; init; }

    /// <summary>Processes and threads.</summary>
    public long Pids { get; init; }

    /// <summary>Times the kernel killed for want of memory.</summary>
    public long OutOfMemoryKills { get; init; }

    /// <summary>Bytes that the container wrote into its root, where it is in the guest's memory or on a disk of its own; 0 on a share.</summary>
    public long WrittenBytes { get; init; }

    /// <summary>Files and folders of the same.</summary>
    public long WrittenInodes { get; init; }
}

/// <summary>The guest's health.</summary>
/// <param name="UptimeMilliseconds">Since its kernel started.</param>
/// <param name="MemoryTotalBytes">Of the guest.</param>
/// <param name="MemoryAvailableBytes">Of the guest.</param>
/// <param name="AgentResidentBytes">Of the agent.</param>
/// <param name="Connections">To ports, that have not ended.</param>
public sealed record GuestHealth(long UptimeMilliseconds, long MemoryTotalBytes, long MemoryAvailableBytes, long AgentResidentBytes, int Connections = 0);
