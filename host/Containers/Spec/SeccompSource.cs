using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Containers.Spec;

/// <summary>
/// A seccomp profile as files have it: the form of containers/common and of Docker, which have conditions on capabilities,
/// architectures and the kernel; the OCI form is a part of it. See seccomp.json(5) of containers/common.
/// </summary>
internal sealed record SeccompSource
{
    public string DefaultAction { get; init; } = "";

    public uint? DefaultErrnoRet { get; init; }

    public string? DefaultErrno { get; init; }

    public IReadOnlyList<string>? Architectures { get; init; }

    public IReadOnlyList<SeccompArchitectures>? ArchMap { get; init; }

    public IReadOnlyList<string>? Flags { get; init; }

    public string? ListenerPath { get; init; }

    public IReadOnlyList<SeccompRule>? Syscalls { get; init; }

    internal static SeccompSource Parse(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize(json, SeccompJson.Default.SeccompSource) ?? throw new JsonException("the profile is null");
}

internal sealed record SeccompArchitectures
{
    public string Architecture { get; init; } = "";

    public IReadOnlyList<string>? SubArchitectures { get; init; }
}

internal sealed record SeccompRule
{
    /// <summary>Docker's older form of <see cref="Names"/>.</summary>
    public string? Name { get; init; }

    public IReadOnlyList<string>? Names { get; init; }

    public string Action { get; init; } = "";

    public uint? ErrnoRet { get; init; }

    /// <summary>The name of <see cref="ErrnoRet"/>.</summary>
    public string? Errno { get; init; }

    public IReadOnlyList<OciSyscallArgument>? Args { get; init; }

    public SeccompCondition? Includes { get; init; }

    public SeccompCondition? Excludes { get; init; }
}

internal sealed record SeccompCondition
{
    public IReadOnlyList<string>? Caps { get; init; }

    /// <summary>As GOARCH.</summary>
    public IReadOnlyList<string>? Arches { get; init; }

    /// <summary><c>major.minor</c>.</summary>
    public string? MinKernel { get; init; }
}

// Profiles are written for readers that do not mind the case of names.
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(SeccompSource))]
internal sealed partial class SeccompJson : JsonSerializerContext;
