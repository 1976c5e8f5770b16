using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>Removes a VM and all that it had, whatever is left of it; needs no object, and may be repeated.</summary>
internal sealed class VmRemover(IPluginLog log)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public async Task RemoveAsync(VmFiles files, VmState? state)
    {
        // The folder knows what the gateway's record may lack: it is written first.
        var known = StateFile.Read<VmState>(files.State) ?? state;
        try
        {
            // The hypervisor first: without it the file server ends by itself.
            foreach (var helper in (ProcessIdentity?[])[known?.Hypervisor, known?.FileServer])
            {
                await (helper?.KillAsync() ?? Task.CompletedTask).ConfigureAwait(false);
            }

            if (known?.Network is { } network)
            {
                using var limit = new CancellationTokenSource(Limit);
                await PodWire.RemoveAsync(network, limit.Token).ConfigureAwait(false);
            }

            ShareFolder.Remove(files);
            if (Directory.Exists(files.Folder))
            {
                Directory.Delete(files.Folder, recursive: true);
            }
        }
        catch (Exception e) when (e is TimeoutException or IOException or UnauthorizedAccessException)
        {
            log.Write(PluginLogLevel.Warning, $"VM in {files.Folder}: not all of it could be removed: {e.Message}");
            throw RuntimeException.Unavailable($"VM in {files.Folder}: {e.Message}; a retry goes on", e);
        }
    }
}
