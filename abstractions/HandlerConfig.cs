using System.Text.Json;

namespace Berth.Abstractions;

/// <summary>What a handler is created with.</summary>
public sealed record HandlerConfig
{
    /// <summary>The handler's name, as pods ask for it.</summary>
    public required string Name { get; init; }

    /// <summary>The manifest's default options with those of plugins.json merged over them; an object.</summary>
    public required JsonElement Options { get; init; }

    /// <summary>
    /// A folder of this handler alone, mode 0700, gone after a reboot (tmpfs). Its path is at most 60 characters long, so that
    /// sockets fit beneath it (unix(7): 107).
    /// </summary>
    public required string StateDirectory { get; init; }

    /// <summary>A folder of this handler alone, mode 0700, that survives a reboot.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Who makes cgroups.</summary>
    public required CgroupDriver CgroupDriver { get; init; }
}

/// <summary>Who makes cgroups; the kubelet must be set to the same.</summary>
public enum CgroupDriver
{
    /// <summary>mkdir in the cgroup file system.</summary>
    Cgroupfs,

    /// <summary>systemd, as scopes within slices.</summary>
    Systemd,
}
