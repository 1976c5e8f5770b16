using System.Security.Cryptography;
using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>What a check found.</summary>
/// <param name="Refusal">Why the runtime cannot create a container here; null if it can.</param>
/// <param name="Seen">What was seen to come true.</param>
internal sealed record ProbeResult(string? Refusal, Asked Seen);

/// <summary>
/// Creates a trivial container under a monitor and removes it, never starting it: the only question whose answer covers
/// the kernel, the cgroup layout, the monitor and the runtime's arguments together.
/// </summary>
internal sealed class RuntimeProbe
{
    private readonly ContainerCreator _creator;
    private readonly ContainerRemover _remover;
    private readonly SandboxIndex<OciState> _index;
    private readonly HandlerConfig _config;
    private readonly string _id;
    private readonly ProbeBundle _bundle;

    public RuntimeProbe(ContainerCreator creator, ContainerRemover remover, SandboxIndex<OciState> index, HandlerConfig config)
    {
        (_creator, _remover, _index, _config) = (creator, remover, index, config);
        // Another handler's probe may run at the same time, and some runtimes know a container by its id alone.
        _id = $"berth-check-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(config.StateDirectory)))[..16]}";
        // Where images are: /run, where state lies, is often mounted noexec.
        _bundle = new(Path.Combine(config.DataDirectory, "check"), IsSystemd ? $"system.slice:berth:{_id}" : $"/{_id}");
    }

    private bool IsSystemd => _config.CgroupDriver == CgroupDriver.Systemd;

    /// <summary>Asks for all at once, and one by one only where that fails.</summary>
    public async Task<ProbeResult> RunAsync(string ociVersion, Asked asked, CancellationToken cancellationToken)
    {
        var all = await TryAsync(ociVersion, asked, cancellationToken).ConfigureAwait(false);
        if (all.Refusal is null || asked == Asked.Nothing)
        {
            return all;
        }

        var none = await TryAsync(ociVersion, Asked.Nothing, cancellationToken).ConfigureAwait(false);
        if (none.Refusal is not null)
        {
            return none;
        }

        var seen = Asked.Nothing;
        foreach (var one in (Asked[])[Asked.RecursiveReadOnly, Asked.UserNamespace, Asked.MountOptions])
        {
            seen |= (await TryAsync(ociVersion, asked & one, cancellationToken).ConfigureAwait(false)).Seen;
        }

        return none with { Seen = seen };
    }

    private async Task<ProbeResult> TryAsync(string ociVersion, Asked asked, CancellationToken cancellationToken)
    {
        try
        {
            await _bundle.MakeAsync(ociVersion, asked, cancellationToken).ConfigureAwait(false);
            return await CreateAsync(asked, cancellationToken).ConfigureAwait(false);
        }
        catch (LinuxException e)
        {
            return new(e.Message, Asked.Nothing);
        }
        catch (IOException e) when (asked != Asked.Nothing)
        {
            return new(e.Message, Asked.Nothing);
        }
        finally
        {
            _bundle.Remove();
        }
    }

    private async Task<ProbeResult> CreateAsync(Asked asked, CancellationToken cancellationToken)
    {
        var files = new ContainerFiles(_bundle.PrivateDirectory);
        var container = new MonitoredContainer { Id = _id, Name = _id, Bundle = _bundle.Folder, Files = files };
        var cgroup = new PodCgroup { Path = IsSystemd ? "/system.slice" : "", OverheadPath = $"/{_id}/overhead" };
        try
        {
            var made = await _creator.CreateAsync(container, cgroup, SaveAsync, _index.Find(_id, _id), cancellationToken).ConfigureAwait(false);
            var seen = made.Refusal is null && asked != Asked.Nothing ? ProbeBundle.Look(made.Pid) & asked : Asked.Nothing;
            await _remover.RemoveAsync(_id, files, made.State).ConfigureAwait(false);
            return new(made.Refusal, seen);
        }
        finally
        {
            _index.Remove(_id);
        }
    }

    private Task SaveAsync(OciState state)
    {
        _index.Put(_id, _id, state);
        return Task.CompletedTask;
    }
}
