using System.Runtime;
using Berth.Linux;
using Berth.Logger;

// berth-logger SOCKET: writes the logs of one pod's containers; see README.md beside this file.
if (args is not [var socket])
{
    Console.Error.WriteLine("usage: berth-logger SOCKET");
    return 2;
}

try
{
    GCSettings.LatencyMode = GCLatencyMode.Batch;
    // A second one on the same socket would take a part of the output; the kernel lifts the lock when its holder is gone.
    using var only = new FileStream(socket + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
    using var listener = new PacketListener(socket);
    using (var output = new SafeFd(1))
    {
        output.Write("ready\n"u8);
    }

    using var set = new EpollSet();
    new Server(listener, set).Run();
    File.Delete(socket);
    return 0;
}
catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
