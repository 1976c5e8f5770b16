using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>What must be known to adopt or remove a VM without an object. It is saved before a helper may run.</summary>
internal sealed record VmState
{
    public const int Version = 1;

    public required string SandboxId { get; init; }

    /// <summary>The VM's folder.</summary>
    public required string Folder { get; init; }

    /// <summary>The pod's network, to take the taps away again; null if it has none.</summary>
    public PodNetwork? Network { get; init; }

    public ProcessIdentity? FileServer { get; init; }

    public ProcessIdentity? Hypervisor { get; init; }

    /// <summary><c>kvm</c> or <c>tcg</c>.</summary>
    public required string Accelerator { get; init; }

    /// <summary>Why that one.</summary>
    public required string AcceleratorReason { get; init; }

    public required VmSize Size { get; init; }

    public StateRecord ToRecord() => new(Version, JsonSerializer.SerializeToElement(this, VmJson.Settings));
}

/// <summary>The same for a container. What it has in the share follows from its id.</summary>
internal sealed record ContainerState
{
    public required string SandboxId { get; init; }

    public required string ContainerId { get; init; }

    /// <summary>The private folder: log position and exit status.</summary>
    public required string PrivateDirectory { get; init; }

    /// <summary>The disk that was plugged in for it, by its name in the hypervisor; null if it has none.</summary>
    public string? Disk { get; init; }

    /// <summary>What goes back to the host when it ends.</summary>
    public IReadOnlyList<ReturnedFile> Returned { get; init; } = [];

    /// <summary>Why the guest's runtime refused to create it; null if it did not.</summary>
    public string? Refusal { get; init; }

    public StateRecord ToRecord() => new(VmState.Version, JsonSerializer.SerializeToElement(this, VmJson.Settings));
}

/// <summary>
/// States as files in the VM's folder: only the sandbox's own state comes with the request to destroy it, and a list of all
/// that is owned comes with none.
/// </summary>
internal static class StateFile
{
    private const int MaxBytes = 64 * 1024;

    public static void Write<T>(string path, T state)
    {
        var temporary = path + ".new";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(state, VmJson.Settings));
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw RuntimeException.Unavailable($"state cannot be kept in {path}: {e.Message}", e);
        }
    }

    public static T? Read<T>(string path)
        where T : class
    {
        try
        {
            return new FileInfo(path).Length > MaxBytes ? null : JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), VmJson.Settings);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    public static T? Parse<T>(StateRecord? record, string id)
        where T : class => record switch
        {
            null => null,
            { Version: VmState.Version } => record.Data.Deserialize<T>(VmJson.Settings),
            _ => throw new RuntimeException(
                RuntimeErrorCode.Internal, $"state of {id} has version {record.Version}; this plugin reads {VmState.Version}: install the version that wrote it"),
        };
}
