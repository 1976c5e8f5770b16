using Berth.Linux;

namespace Berth.Logger;

/// <summary>
/// The loop of the program. It moves one read of each stream that has something in turn, so that a loud container does not keep
/// the others waiting. Commands come as messages, fields divided by NUL, and each is answered by <c>ok</c> or by a fault:
/// <code>
///   add ID OUT ERR LOG   opens FIFOs (an empty one: none) and log; once more for the same id changes nothing
///   reopen ID            opens the log's path again, after what was already there has gone into the old file
///   end ID               answers when the streams have ended and all is in the log, and forgets the container
///   close ID             the same without waiting for the end
///   attach ID            from then on the connection gets the container's output, see Follower
/// </code>
/// With the last container the program ends, too.
/// </summary>
internal sealed class Server(PacketListener listener, EpollSet set)
{
    private const ulong ListenerKey = 0;
    private readonly Dictionary<ulong, Client> _clients = [];
    private readonly Dictionary<ulong, (string Id, LogStream Stream)> _streams = [];
    private readonly Dictionary<string, ContainerLog> _logs = [];
    private ulong _lastKey = ListenerKey;
    private bool _used;

    public void Run()
    {
        set.Add(listener.Fd, ListenerKey);
        Span<ulong> ready = stackalloc ulong[32];
        while (!_used || _logs.Count > 0)
        {
            var count = set.Wait(ready);
            foreach (var key in ready[..count])
            {
                Serve(key);
            }
        }
    }

    private void Serve(ulong key)
    {
        if (key == ListenerKey)
        {
            Accept();
        }
        else if (_streams.TryGetValue(key, out var source))
        {
            if (!source.Stream.Ended)
            {
                source.Stream.Step();
            }

            if (source.Stream.Ended || source.Stream.IsHeld)
            {
                LookAfter(source.Id);
                Settle(source.Id);
            }
        }
        else if (_clients.TryGetValue(key, out var client))
        {
            Serve(key, client);
        }
    }

    private void Accept()
    {
        var connection = listener.Accept();
        _clients[++_lastKey] = new(connection);
        set.Add(connection, _lastKey);
    }

    private void Serve(ulong key, Client client)
    {
        if (client.Follower is { IsBehind: true } follower)
        {
            follower.Catchup();
            LookAfter(follower.Id);
            Settle(follower.Id);
            return;
        }

        if (client.Read() is not { } command)
        {
            _clients.Remove(key);
            Leave(client);
            return;
        }

        try
        {
            switch (command)
            {
                case ["add", var id, var output, var error, var log]:
                    Add(id, output, error, log);
                    client.Answer("ok");
                    break;
                case ["reopen", var id]:
                    Reopen(id);
                    client.Answer("ok");
                    break;
                case ["end", var id]:
                    End(id, client);
                    break;
                case ["close", var id]:
                    Forget(id);
                    client.Answer("ok");
                    break;
                case ["attach", var id]:
                    Attach(id, key, client);
                    break;
                default:
                    client.Answer($"unknown command '{command[0]}' with {command.Length - 1} fields");
                    break;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            client.Answer(e.Message);
        }
    }

    private void Add(string id, string output, string error, string log)
    {
        if (_logs.ContainsKey(id))
        {
            return;
        }

        var container = new ContainerLog(output, error, log);
        _logs[id] = container;
        _used = true;
        foreach (var stream in container.Streams)
        {
            _streams[++_lastKey] = (id, stream);
            set.Add(stream.Fifo, _lastKey);
        }
    }

    private void Reopen(string id)
    {
        if (_logs.TryGetValue(id, out var log))
        {
            log.Drain();
            log.Reopen();
            LookAfter(id);
        }
    }

    private void Attach(string id, ulong key, Client client)
    {
        if (!_logs.TryGetValue(id, out var log))
        {
            client.Answer($"there is no container {id}");
            return;
        }

        // What is there already is not for it.
        log.Drain();
        client.Answer("ok");
        log.Attach(client.Follow(key, id));
        LookAfter(id);
    }

    // A client has gone. What it did not take holds nobody up any more.
    private void Leave(Client client)
    {
        if (client.Follower is { } follower && _logs.TryGetValue(follower.Id, out var log))
        {
            log.Detach(follower);
            LookAfter(follower.Id);
        }

        client.Dispose();
        Settle(client.Follower?.Id ?? "");
    }

    // After anything that may have moved output: streams that are held leave the loop until their followers have caught up.
    private void LookAfter(string id)
    {
        if (!_logs.TryGetValue(id, out var log))
        {
            return;
        }

        foreach (var (key, (_, stream)) in _streams.Where(s => s.Value.Id == id).ToList())
        {
            if (stream.Ended)
            {
                _streams.Remove(key);
            }
            else if (stream.IsHeld != stream.IsOut)
            {
                stream.IsOut = stream.IsHeld;
                if (stream.IsOut)
                {
                    set.Remove(stream.Fifo);
                }
                else
                {
                    set.Add(stream.Fifo, key);
                }
            }
        }

        foreach (var follower in log.Streams.SelectMany(static s => s.Followers).Where(static f => f.IsBehind != f.IsTurned).ToList())
        {
            follower.IsTurned = follower.IsBehind;
            set.Turn(follower.Connection, follower.Key, toWriting: follower.IsBehind);
        }
    }

    private void End(string id, Client client)
    {
        if (!_logs.TryGetValue(id, out var log))
        {
            client.Answer("ok");
            return;
        }

        // A stream whose writers are all gone shows its end to a read, not always to epoll: nobody may have written since it was opened.
        log.Drain();
        log.Waiting = client;
        LookAfter(id);
        Settle(id);
    }

    private void Settle(string id)
    {
        if (!_logs.TryGetValue(id, out var log) || log.Waiting is not { } client)
        {
            return;
        }

        // Those that were held may have come to their end meanwhile.
        log.Drain();
        LookAfter(id);
        if (log.Ended)
        {
            Forget(id);
            client.Answer("ok");
        }
    }

    private void Forget(string id)
    {
        if (_logs.Remove(id, out var log))
        {
            foreach (var (key, client) in _clients.Where(c => c.Value.Follower?.Id == id).ToList())
            {
                log.Detach(client.Follower!);
                _clients.Remove(key);
                client.Dispose();
            }

            log.Drain();
            log.Dispose();
            foreach (var key in _streams.Where(s => s.Value.Id == id).Select(static s => s.Key).ToList())
            {
                _streams.Remove(key);
            }
        }
    }
}
