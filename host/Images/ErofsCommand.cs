using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Images;

/// <summary>Makes a file system image of a folder with mkfs.erofs(1).</summary>
internal static class ErofsCommand
{
    public const string Package = "erofs-utils";

    private const string Name = "mkfs.erofs";
    private const int MaxOutputBytes = 1024 * 1024;

    // It writes at the disk's speed; past this the disk hangs.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20);

    /// <summary>Whether this machine has the command.</summary>
    public static bool IsInstalled => Executable.Find(Name) is not null;

    /// <summary>Makes it, not compressed: a guest maps the pages as they are.</summary>
    public static async Task RunAsync(string folder, string file, string image)
    {
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            var command = new Command { Path = Name, Arguments = ["--quiet", "--preserve-mtime", file, folder] };
            var result = await CommandRunner.RunAsync(command, null, MaxOutputBytes, limit.Token);
            if (result.ExitCode != 0)
            {
                throw Failed(image, file, result.Error, null);
            }
        }
        catch (Exception e) when (e is LinuxException or InvalidDataException or OperationCanceledException)
        {
            throw Failed(image, file, e.Message, e);
        }
    }

    private static RuntimeException Failed(string image, string file, string reason, Exception? inner) => RuntimeException.Unavailable(
        $"image {image} could not be made into {file}: {Name}: {reason}; install {Package} if it is missing, or free space on the disk", inner);
}
