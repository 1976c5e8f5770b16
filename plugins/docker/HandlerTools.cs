using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Docker;

/// <summary>What all objects of a handler share.</summary>
/// <param name="Engine">The Engine.</param>
/// <param name="Objects">The Engine's containers that are this handler's.</param>
/// <param name="Check">What is known of the Engine.</param>
/// <param name="Folders">Where the handler keeps things.</param>
/// <param name="Driver">Who makes cgroups.</param>
/// <param name="Cgroups">The machine's cgroups.</param>
/// <param name="Context">The gateway.</param>
/// <param name="Clock">Time.</param>
/// <param name="Stopping">Ends with the handler; what follows a container then lets it go.</param>
internal sealed record HandlerTools(
    Engine Engine, EngineObjects Objects, EngineCheck Check, HandlerFolders Folders, CgroupDriver Driver, Cgroups Cgroups, IHandlerContext Context, TimeProvider Clock, CancellationToken Stopping)
{
    public IPluginLog Log => Context.Log;
}

/// <summary>The handler's own files.</summary>
/// <param name="State">Gone after a reboot.</param>
/// <param name="Data">Stays.</param>
internal sealed record HandlerFolders(string State, string Data)
{
    /// <summary>Where a pod's network namespace is pinned.</summary>
    public string NetworkPin(string sandboxId) => Path.Combine(State, "net", sandboxId);

    /// <summary>The folder of the pins.</summary>
    public string Pins => Path.Combine(State, "net");

    /// <summary>How far a container's output was copied.</summary>
    public string LogPosition(string containerId) => Path.Combine(Data, "logs", containerId);
}
