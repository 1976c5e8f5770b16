using System.Globalization;
using System.Security.Cryptography;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>
/// Takes back what a container wrote into single files of the host, such as the message of its termination. A bind mount would hold
/// on to the file itself; here it is known by file system and inode, so that nobody can have another one written in its place.
/// </summary>
internal static class FileReturn
{
    private const int MaxBytes = 1 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>Takes back all that changed; a failure is logged, and the container has ended all the same.</summary>
    public static async Task RunAsync(string containerId, IReadOnlyList<ReturnedFile> files, GuestAgent agent, IPluginLog log)
    {
        using var limit = new CancellationTokenSource(Limit);
        foreach (var file in files)
        {
            try
            {
                await ReturnAsync(containerId, file, agent, limit.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is RuntimeException or IOException or UnauthorizedAccessException or OperationCanceledException)
            {
                log.Write(PluginLogLevel.Warning, $"container {containerId}: what it wrote into {file.HostPath} does not get there: {e.Message}");
            }
        }
    }

    private static async Task ReturnAsync(string containerId, ReturnedFile file, GuestAgent agent, CancellationToken cancellationToken)
    {
        var content = await agent.ReadFileAsync(containerId, file.Name, MaxBytes + 1, cancellationToken).ConfigureAwait(false);
        if (content is null || Convert.ToHexStringLower(SHA256.HashData(content)) == file.Sha256)
        {
            return;
        }

        if (content.Length > MaxBytes)
        {
            throw new IOException($"it is larger than {MaxBytes} bytes");
        }

        using var target = new FileStream(file.HostPath, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        var status = FileStatus.Find(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{target.SafeFileHandle.DangerousGetHandle()}"))!.Value;
        if (status.FileSystem != file.FileSystem || status.Inode != file.Inode)
        {
            throw new IOException("it is another file than the one that was mounted");
        }

        target.Write(content);
        target.SetLength(content.Length);
    }
}
