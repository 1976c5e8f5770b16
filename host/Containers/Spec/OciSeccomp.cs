namespace Berth.Containers.Spec;

/// <summary>The <c>linux.seccomp</c> object: OCI runtime specification, config-linux.md.</summary>
public sealed record OciSeccomp
{
    public required string DefaultAction { get; init; }

    public uint? DefaultErrnoRet { get; init; }

    public IReadOnlyList<string>? Architectures { get; init; }

    public IReadOnlyList<string>? Flags { get; init; }

    public IReadOnlyList<OciSyscall> Syscalls { get; init; } = [];
}

public sealed record OciSyscall
{
    public required IReadOnlyList<string> Names { get; init; }

    public required string Action { get; init; }

    public uint? ErrnoRet { get; init; }

    public IReadOnlyList<OciSyscallArgument>? Args { get; init; }
}

/// <summary>A condition on an argument of a system call.</summary>
public sealed record OciSyscallArgument(uint Index, ulong Value, ulong ValueTwo, string Op);
