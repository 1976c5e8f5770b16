using System.Text.RegularExpressions;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Rkt;

/// <summary>
/// Says whether pods can run here, by running a machine whose first process ends at once.
/// </summary>
internal sealed partial class RktCheck(Programs programs, HandlerConfig config, Cgroups cgroups)
{
    // --console and --network-namespace-path; Debian 11 has 247.
    private const int LowestVersion = 242;

    public async Task<HandlerCheck> LookAsync(CancellationToken cancellationToken)
    {
        var nspawn = await VersionAsync(programs.Nspawn, cancellationToken).ConfigureAwait(false);
        var runtime = await VersionAsync(programs.Runtime, cancellationToken).ConfigureAwait(false);
        var number = VersionNumber().Match(nspawn) is { Success: true } match ? int.Parse(match.ValueSpan, System.Globalization.CultureInfo.InvariantCulture) : 0;
        if (number < LowestVersion)
        {
            return new() { Ready = false, Reason = $"{programs.Nspawn} is version {number}, and {LowestVersion} is the first that can do what stage 1 needs: install a newer systemd-container" };
        }

        var refusal = await ProbeAsync(cancellationToken).ConfigureAwait(false);
        return new()
        {
            Ready = refusal is null,
            Reason = refusal is null ? null : $"systemd-nspawn cannot run a machine here: {refusal}",
            RuntimeVersion = $"{FirstLine(nspawn)}, {FirstLine(runtime)}",
            OciVersion = SpecVersion().Match(runtime) is { Success: true } spec ? spec.Groups[1].Value : "1.0.0",
            Features = new()
            {
                NetworkNamespace = NetworkNamespaceOwner.Host,
                RootfsForms = [RootfsForm.Mounted],
                Stats = StatsSource.Cgroup,
                HostNamespaces = true,
                SharedPidNamespace = true,
                Privileged = true,
                Devices = true,
                Sysctls = true,
                HugePages = true,
                SharedFolders = true,
                MountPropagation = true,
                Terminal = true,
                ExecTerminal = true,
                Attach = true,
                Stdin = true,
                LimitUpdates = true,
                HostProcesses = true,
                ExecSignals = true,
                AppArmor = runtime.Contains("+APPARMOR", StringComparison.Ordinal),
                Seccomp = runtime.Contains("+SECCOMP", StringComparison.Ordinal),
            },
        };
    }

    // In a cgroup of its own: nspawn makes others beneath the one that it is in.
    private async Task<string?> ProbeAsync(CancellationToken cancellationToken)
    {
        var pod = new PodFolder(Path.Combine(config.DataDirectory, "check", Guid.NewGuid().ToString("D")), Phase.Embryo);
        var cgroup = $"/berth-check-{pod.Uuid}";
        try
        {
            MachineCommand.MakeRoot(pod);
            cgroups.Create(cgroup);
            using var output = new PipeCapture(4096, keepTail: true);
            using var gate = Gate.Before(MachineCommand.Trial(pod, programs) with { Descriptors = new Dictionary<int, SafeFd> { [1] = output.WriteEnd, [2] = output.WriteEnd } });
            output.WriteEnd.Dispose();
            cgroups.Enter(cgroup, gate.Child.Pid);
            gate.Open();
            var code = await gate.Child.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            await output.ReadAsync(null, cancellationToken).ConfigureAwait(false);
            gate.Child.Dispose();
            return code == 0 ? null : $"status {code}: {System.Text.Encoding.UTF8.GetString(output.ToArray()).Trim()}";
        }
        finally
        {
            await cgroups.KillAsync(cgroup, CancellationToken.None).ConfigureAwait(false);
            await cgroups.RemoveAsync(cgroup, CancellationToken.None).ConfigureAwait(false);
            PodRemover.RemoveNspawnFolders(pod);
            FileTree.Delete(Path.GetDirectoryName(pod.Path)!);
        }
    }

    private static async Task<string> VersionAsync(string program, CancellationToken cancellationToken)
    {
        var result = await Runtime.RunAsync(new Command { Path = program, Arguments = ["--version"] }, $"{program} --version", cancellationToken).ConfigureAwait(false);
        return result.ExitCode == 0 ? result.OutputText : throw RuntimeException.Unavailable($"{program} --version ended with status {result.ExitCode}: {result.Error}");
    }

    private static string FirstLine(string text) => text.Split('\n')[0].Trim();

    [GeneratedRegex(@"(?<=^systemd )\d+")]
    private static partial Regex VersionNumber();

    [GeneratedRegex(@"^spec: (\d+\.\d+\.\d+)", RegexOptions.Multiline)]
    private static partial Regex SpecVersion();
}
