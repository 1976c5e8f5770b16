using Berth.Abstractions;

namespace Berth.Plugins.Rkt;

/// <summary>Finds an app of an earlier gateway process as the disk tells: nothing is connected to, only read.</summary>
internal sealed class AppRestorer(Tools tools)
{
    public RktApp Restore(Stage1 stage1, RestoreContainer container)
    {
        var request = container.Create;
        var app = stage1.Pod.App(request.ContainerId);
        if (RktJson.ReadFile<AppManifest>(app.Manifest) is not { } manifest)
        {
            return Lost(app, null, "the container was never created");
        }

        if (RktJson.ReadFile<string>(app.Refusal) is { } reason)
        {
            return RktApp.Ended(app, manifest, EndedInit.Refused(app.Id, reason, container.Started, tools.Clock), tools);
        }

        if (RktJson.ReadFile<AppProcesses>(app.Supervisor) is not { } processes || !File.Exists(app.Created))
        {
            // Cut off before its limits were in force; whatever there is of it goes with the destroy.
            return Lost(app, manifest, "its creation was cut off");
        }

        if (Tools.Hold(processes.Monitor) is not { } monitor)
        {
            Kill(app, manifest);
            return AppInit.Read(app, tools.CgroupOf(manifest.Cgroup)) is { } exit
                ? RktApp.Ended(app, manifest, EndedInit.Ended(app.Id, exit, tools.Clock), tools)
                : Lost(app, manifest, $"its supervisor (pid {processes.Monitor.Pid}) was gone when the gateway came back");
        }

        monitor.Dispose();
        return RktApp.Running(stage1, app, manifest, request, processes, container.Started || File.Exists(app.Started), tools);
    }

    private RktApp Lost(AppFolder app, AppManifest? manifest, string reason)
    {
        Kill(app, manifest);
        return RktApp.Ended(app, manifest, EndedInit.Ended(app.Id, ExitFile.Lost(reason, tools.Clock), tools.Clock), tools);
    }

    private void Kill(AppFolder app, AppManifest? manifest)
    {
        try
        {
            tools.CgroupOf(manifest?.Cgroup).KillAsync().GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            tools.Log.Write(PluginLogLevel.Error, $"container {app.Id} has ended, but processes of it may be left: {e.Message}");
        }
    }
}
