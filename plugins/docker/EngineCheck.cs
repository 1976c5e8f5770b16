using Berth.Abstractions;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>Says whether the Engine can run pods here, by asking it.</summary>
internal sealed class EngineCheck(Engine engine, DockerOptions options, CgroupDriver driver)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    // CAP_CHOWN to CAP_AUDIT_READ: a privileged container gets them whatever config.json says, and its start fails where one is
    // missing from the bounding set (ours stands for the Engine's here).
    private static readonly Linux.CapabilitySet PrivilegedCapabilities = new((1UL << 38) - 1);

    /// <summary>The Engine's folder, where its containers' logs are; null until it was asked.</summary>
    public string? Root { get; private set; }

    /// <summary>The machine's memory as the Engine sees it; 0 until it was asked.</summary>
    public ulong MachineMemory { get; private set; }

    public async Task<HandlerCheck> RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            var version = await engine.CallAsync("version", static (c, token) => c.System.GetVersionAsync(token), cancellationToken, Limit).ConfigureAwait(false);
            var info = await engine.CallAsync("info", static (c, token) => c.System.GetSystemInfoAsync(token), cancellationToken, Limit).ConfigureAwait(false);
            var fault = Fault(version, info);
            Root = fault is null ? info.DockerRootDir : Root;
            MachineMemory = (ulong)Math.Max(info.MemTotal, 0);
            return new()
            {
                Ready = fault is null,
                Reason = fault,
                RuntimeVersion = $"Docker Engine {version.Version} (API {version.APIVersion}, {info.Driver})",
                OciVersion = "1.0.2",
                Features = Features,
            };
        }
        catch (RuntimeException e)
        {
            return new() { Ready = false, Reason = e.Message, Features = Features };
        }
    }

    /// <summary>The Engine's folder; asks if nobody has yet.</summary>
    public async Task<string> RootAsync(CancellationToken cancellationToken)
    {
        if (Root is null)
        {
            var check = await RunAsync(cancellationToken).ConfigureAwait(false);
            return Root ?? throw RuntimeException.Unavailable(check.Reason!);
        }

        return Root;
    }

    private static HandlerFeatures Features => new()
    {
        NetworkNamespace = NetworkNamespaceOwner.Handler,
        RootfsForms = [RootfsForm.None, RootfsForm.Layers],
        Stats = StatsSource.Handler,
        HostNamespaces = true,
        SharedPidNamespace = true,
        Privileged = Linux.CapabilitySet.OwnBoundingSet().Contains(PrivilegedCapabilities),
        Devices = true,
        Seccomp = true,
        AppArmor = Linux.Kernel.HasAppArmor,
        Sysctls = true,
        SharedFolders = true,
        MountPropagation = true,
        MountPropagationToHost = true,
        Terminal = true,
        Stdin = true,
        Attach = true,
        LimitUpdates = true,
        ExecSignals = true,
        ExecTerminal = true,
        OwnsImageStore = true,
    };

    private string? Fault(VersionResponse version, SystemInfoResponse info)
    {
        var wanted = driver == CgroupDriver.Systemd ? "systemd" : "cgroupfs";
        return this switch
        {
            _ when !System.Version.TryParse(version.APIVersion, out var api) || api < Engine.ApiVersion =>
                $"the Docker Engine speaks API {version.APIVersion}; {Engine.ApiVersion} is needed: install Docker 20.10 or later (docker.io)",
            _ when info.OSType != "linux" => $"the Docker Engine runs {info.OSType} containers",
            _ when info.CgroupDriver != wanted =>
                $"the Docker Engine makes cgroups by {info.CgroupDriver}, the gateway by {wanted}: start dockerd with --exec-opt native.cgroupdriver={wanted}, or set gateway.cgroupDriver",
            _ when !Directory.Exists(Path.Combine(info.DockerRootDir, "containers")) =>
                $"the Docker Engine's folder {info.DockerRootDir} is not seen here, so its containers' output cannot be read: run both in one mount namespace",
            _ when Linux.Executable.Find(options.Init) is null =>
                $"'{options.Init}', which holds pods, is not in {Linux.Executable.SearchPath}: install the package catatonit",
            _ => null,
        };
    }
}
