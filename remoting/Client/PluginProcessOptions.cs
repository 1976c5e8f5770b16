using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Remoting.Client;

/// <summary>How a plugin runs in a process of its own.</summary>
public sealed record PluginProcessOptions
{
    /// <summary>The plugin's id.</summary>
    public required string Plugin { get; init; }

    /// <summary>The plugin's folder.</summary>
    public required string Folder { get; init; }

    /// <summary>The assembly's file name within it.</summary>
    public required string Assembly { get; init; }

    /// <summary>The program berth-plugin-host.</summary>
    public required string Program { get; init; }

    /// <summary>The cgroup of the process and of what it starts, unless that is moved into a pod's; it is made and removed here.</summary>
    public required string Cgroup { get; init; }

    /// <summary>Where the cgroup lies.</summary>
    public required Cgroups Cgroups { get; init; }

    /// <summary>What it may take.</summary>
    public PluginLimits Limits { get; init; } = new();

    /// <summary>For the lines about the process; those of a handler go to the handler's own.</summary>
    public required IPluginLog Log { get; init; }

    /// <summary>Told why the process ended by itself, if no call was in it: callers are told of it anyway.</summary>
    public Action<string> EndedIdle { get; init; } = static _ => { };

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>When a process that is alive has to say so.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long it may take to say so; then it is killed and started again.</summary>
    public TimeSpan PingLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a call that was given up may take to end, once it does harm.</summary>
    public TimeSpan StuckLimit { get; init; } = TimeSpan.FromSeconds(5);
}
