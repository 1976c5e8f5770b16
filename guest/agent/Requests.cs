using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>Does what a request asks.</summary>
internal sealed class Requests(EventLoop loop, Reaper reaper, ProcessTable processes, PortTable ports)
{
    private static readonly GuestResponse Done = new();
    private readonly Network _network = new(reaper);

    public Containers Containers { get; } = new(loop, reaper, processes);

    public async Task<GuestResponse> DoAsync(GuestRequest request)
    {
        switch (request)
        {
            case { Create: { } create }:
                return new() { Process = await Containers.CreateAsync(create).ConfigureAwait(false) };
            case { Exec: { } exec }:
                return new() { Process = await Containers.ExecAsync(exec).ConfigureAwait(false) };
            case { Stats: { } stats }:
                return new() { Stats = CgroupFigures.Read(Containers.Find(stats.ContainerId)) };
            case { OpenPort: { } port }:
                return new() { Connection = ports.Open(port) };
            case { Ping: not null }:
                return new() { Health = Health() };
            case { Configure: { } configure }:
                await _network.ConfigureAsync(configure).ConfigureAwait(false);
                return Done;
            case { MountShare: { } share }:
                Disks.Mount(share);
                return Done;
            case { MountDisk: { } disk }:
                await Disks.MountAsync(loop, Containers.Prepare(disk.ContainerId), disk).ConfigureAwait(false);
                return Done;
            case { WriteFiles: { } files }:
                _ = Containers.Prepare(files.ContainerId);
                WrittenFiles.Write(files);
                return Done;
            case { ReadFiles: { } files }:
                return new() { Files = WrittenFiles.Read(files) };
            case { Start: { } start }:
                await Containers.StartAsync(start.ContainerId).ConfigureAwait(false);
                return Done;
            case { Signal: { } signal }:
                Containers.Signal(signal);
                return Done;
            case { Resize: { } resize }:
                Containers.Find(resize.ContainerId).Find(resize.ExecId).Resize(resize.Width, resize.Height);
                return Done;
            case { Update: { } update }:
                await Containers.UpdateAsync(update).ConfigureAwait(false);
                return Done;
            case { Delete: { } delete }:
                await Containers.DeleteAsync(delete.ContainerId).ConfigureAwait(false);
                return Done;
            case { Shutdown: not null }:
                return Done;
            default:
                throw AgentException.Invalid("the request asks for nothing that this agent knows");
        }
    }

    private GuestHealth Health() => new(
        Environment.TickCount64,
        CgroupFigures.Memory("MemTotal"),
        CgroupFigures.Memory("MemAvailable"),
        Environment.WorkingSet,
        ports.Count);
}
