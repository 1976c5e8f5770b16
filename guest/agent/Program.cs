using System.Text;
using Berth.Guest.Agent;

// The language's own console and process classes are not used: they take SIGCHLD, and as process 1 reap what is not theirs.
try
{
    var device = Boot.Run();
    var loop = new EventLoop();
    var reaper = new Reaper(loop);
    _ = new Agent(loop, reaper, device);
    loop.Run();
}
catch (Exception e)
{
    // Process 1 ends, so the kernel panics and the machine stops: the host sees that, and these words on the console.
    LastWords(e);
    throw;
}

static unsafe void LastWords(Exception e)
{
    var text = Encoding.UTF8.GetBytes($"berth-agent: {e.GetType().Name}: {e.Message}\n{e.StackTrace}\n");
    fixed (byte* bytes = text)
    {
        _ = Libc.write(2, bytes, text.Length);
    }
}
