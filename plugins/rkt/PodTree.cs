using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>All pods of the handler, in folders named after their phase; a pod's folder follows from its sandbox's id.</summary>
internal sealed class PodTree(string root)
{
    private const int IdLength = 64;

    /// <summary>A pod's uuid: the id's first half.</summary>
    public static string UuidOf(string sandboxId) => sandboxId.Length == IdLength && sandboxId.All(char.IsAsciiHexDigitLower)
        ? Guid.ParseExact(sandboxId[..32], "N").ToString("D")
        : throw RuntimeException.InvalidArgument($"'{sandboxId}' is no sandbox id: it must be {IdLength} hexadecimal digits");

    public PodFolder? Find(string sandboxId) => Everywhere(sandboxId) is [var first, ..] ? first : null;

    /// <summary>The pod in every phase where a folder of it lies; more than one only where a removal was cut off.</summary>
    public IReadOnlyList<PodFolder> Everywhere(string sandboxId)
    {
        var uuid = UuidOf(sandboxId);
        return [.. Enum.GetValues<Phase>().Select(phase => At(phase, uuid)).Where(static pod => Directory.Exists(pod.Path))];
    }

    public IReadOnlyList<PodFolder> All() =>
        [.. Enum.GetValues<Phase>().SelectMany(phase => Directory.Exists(FolderOf(phase))
            ? Directory.EnumerateDirectories(FolderOf(phase)).Select(path => new PodFolder(path, phase))
            : [])];

    /// <summary>Makes the first folder of a pod.</summary>
    public PodFolder Create(string sandboxId)
    {
        var pod = At(Phase.Embryo, UuidOf(sandboxId));
        Directory.CreateDirectory(pod.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return pod;
    }

    /// <summary>Moves it on; mounts beneath go along.</summary>
    public PodFolder Advance(PodFolder pod, Phase phase)
    {
        var next = At(phase, pod.Uuid);
        if (next.Path != pod.Path)
        {
            FileTree.Delete(next.Path);
            Directory.CreateDirectory(FolderOf(phase));
            Directory.Move(pod.Path, next.Path);
        }

        return next;
    }

    private PodFolder At(Phase phase, string uuid) => new(Path.Combine(FolderOf(phase), uuid), phase);

    private string FolderOf(Phase phase) => Path.Combine(root, phase == Phase.ExitedGarbage ? "exited-garbage" : phase.ToString().ToLowerInvariant());
}
