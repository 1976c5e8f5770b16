using System.Collections;
using Berth.Cri.Protos;
using Berth.Tests.Support;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Berth.Tests.Integration.BadInput;

/// <summary>
/// Makes requests: those of a kubelet with some fields made odd, and now and then one with every field random. Values are chosen by the
/// field's name, so that calls reach objects that exist; none of them harms the machine where the gateway does as it is told.
/// </summary>
internal sealed class RequestPool(string registry, string folder)
{
    private const int MaxDepth = 6;

    private static readonly string[] Nasty =
        ["", "a", "..", "../../etc", "a\nb", "a\tb", " ", "é€", "\ud83d\ude00", "%s%n", "{{", "-1", "null", new string('n', 254), new string('v', 70_000)];

    private static readonly long[] Numbers = [0, 1, -1, 2, 64, 1000, 65535, 65536, 1 << 20, 1 << 26, int.MaxValue, uint.MaxValue, long.MaxValue, long.MinValue];

    // One field in so many is made odd: a message has about a hundred, and each refusal hides all that is behind it.
    private static readonly int[] Odds = [10, 100, 400, 400];

    private readonly Lock _gate = new();
    private readonly List<string> _pods = [];
    private readonly List<string> _containers = [];
    private readonly List<string> _made = [];

    /// <summary>A request of that type.</summary>
    public IMessage Request(MessageDescriptor type, Random random)
    {
        var message = (IMessage)Activator.CreateInstance(type.ClrType)!;
        if (random.Next(5) == 0)
        {
            return Fill(message, random, 0);
        }

        Prepare(message, random);
        Disturb(message, random, 0, Odds[random.Next(Odds.Length)]);
        return message;
    }

    /// <summary>The objects that were made, with the requests that made them.</summary>
    public IReadOnlyList<string> Made => [.. _made];

    /// <summary>Keeps the id that an answer brings.</summary>
    public void Learn(IMessage request, byte[]? answer)
    {
        lock (_gate)
        {
            if (answer is not null && request is RunPodSandboxRequest)
            {
                _pods.Add(RunPodSandboxResponse.Parser.ParseFrom(answer).PodSandboxId);
                _made.Add($"{_pods[^1]}: {request}");
            }
            else if (answer is not null && request is CreateContainerRequest)
            {
                _containers.Add(CreateContainerResponse.Parser.ParseFrom(answer).ContainerId);
                _made.Add($"{_containers[^1]}: {request}");
            }
        }
    }

    // What a kubelet would send.
    private void Prepare(IMessage message, Random random)
    {
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder().Where(static f => !f.IsRepeated && f.FieldType == FieldType.String))
        {
            field.Accessor.SetValue(message, Text(field.Name, random));
        }

        switch (message)
        {
            case RunPodSandboxRequest run:
                run.Config = Pod();
                break;
            case CreateContainerRequest create:
                create.Config = random.Next(2) == 0 ? Requests.Idle("c" + random.Next(20)) : Requests.Script("c" + random.Next(20), "echo out; exit 3");
                break;
            case UpdateContainerResourcesRequest update:
                update.Linux = new() { CpuShares = 512 };
                break;
            case UpdatePodSandboxResourcesRequest update:
                update.Resources = new() { CpuShares = 512 };
                break;
            case ExecSyncRequest exec:
                exec.Cmd.Add(["echo", "a"]);
                break;
            case ExecRequest exec:
                exec.Cmd.Add(["echo", "a"]);
                exec.Stdout = true;
                break;
            case AttachRequest attach:
                attach.Stdout = true;
                break;
            case PullImageRequest pull:
                pull.Image = new() { Image = Text("image", random) };
                break;
            case ImageStatusRequest status:
                status.Image = new() { Image = Text("image", random) };
                break;
        }
    }

    private PodSandboxConfig Pod()
    {
        var pod = Requests.Pod();
        pod.LogDirectory = Path.Combine(folder, "logs", pod.Metadata.Uid);
        return pod;
    }

    private IMessage Fill(IMessage message, Random random, int depth)
    {
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder().Where(f => f.Name != "windows" && random.Next(3) > 0))
        {
            Set(message, field, random, depth);
        }

        return message;
    }

    private void Disturb(IMessage message, Random random, int depth, int oneIn)
    {
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (random.Next(oneIn) == 0)
            {
                Set(message, field, random, depth);
            }
            else if (!field.IsRepeated && field.Accessor.GetValue(message) is IMessage inner)
            {
                Disturb(inner, random, depth + 1, oneIn);
            }
        }
    }

    private void Set(IMessage message, FieldDescriptor field, Random random, int depth)
    {
        switch (field.Accessor.GetValue(message))
        {
            case IDictionary map:
                var entry = field.MessageType.Fields;
                map[Text(field.Name + "_key", random)] = Value(entry[2], random, depth);
                break;
            case IList list:
                for (var count = random.Next(4); count > 0 && Value(field, random, depth) is { } value; count--)
                {
                    list.Add(value);
                }

                break;
            default:
                if (Value(field, random, depth) is { } single)
                {
                    field.Accessor.SetValue(message, single);
                }

                break;
        }
    }

    private object? Value(FieldDescriptor field, Random random, int depth)
    {
        var number = field.Name switch
        {
            // A stop waits as long as it is told to.
            "timeout" => random.Next(-1, 2),
            "host_port" => random.Next(3) == 0 ? FreePort.Next() : random.Next(-1, 2),
            _ => Numbers[random.Next(Numbers.Length)],
        };
        return field.FieldType switch
        {
            FieldType.String => Text(field.Name, random),
            FieldType.Bytes => ByteString.CopyFromUtf8(Pick(Nasty, random)),
            FieldType.Bool => random.Next(2) == 0,
            FieldType.Enum => Enum.ToObject(field.EnumType.ClrType, random.Next(-1, field.EnumType.Values.Count + 1)),
            FieldType.Int32 => unchecked((int)number),
            FieldType.UInt32 => unchecked((uint)number),
            FieldType.Int64 => number,
            FieldType.UInt64 => unchecked((ulong)number),
            FieldType.Double => (double)number,
            FieldType.Message => depth < MaxDepth ? Fill((IMessage)Activator.CreateInstance(field.MessageType.ClrType)!, random, depth + 1) : null,
            var other => throw new NotSupportedException($"{field.FullName} is {other}"),
        };
    }

    private string Text(string field, Random random) => field switch
    {
        "pod_sandbox_id" => Id(_pods, random),
        "container_id" or "container_ids" or "target_id" => Id(_containers, random),
        "image" or "user_specified_image" or "image_ref" => Pick([Cli.Up.SampleImage.Name, Cli.Up.SampleImage.Name, $"{registry}/random:one", "localhost/no/such:image", "localhost/../up", "", "sha256:abc"], random),
        "runtime_handler" => Pick(["", "runc", "runc", "crun", "zeppelin"], random),
        "hostname" => Pick(["", "a", "a.b.c", "-", "a_b", new string('h', 64), new string('h', 65)], random),
        "cgroup_parent" => Pick(["", Requests.Pod().Linux.CgroupParent, "/../up", "berth-tests.slice"], random),
        "log_directory" or "host_path" or "location" or "output_path" or "checkpoint_path" or "localhost_ref" =>
            Pick(["", "relative", Path.Combine(folder, "p" + random.Next(5)), folder + "/../up", Path.Combine(folder, new string('p', 300)), "/dev/null"], random),
        "container_path" or "working_dir" or "masked_paths" or "readonly_paths" =>
            Pick(["", "relative", "/mnt/a", "/etc/hosts", "/dev/shm", "/tmp", "/proc/self/fd", "/../up", "/", "/mnt/" + new string('p', 300)], random),
        "log_path" => Pick(["", "a.log", "b/c.log", "../up.log", "/abs.log", "."], random),
        "servers" or "host_ip" => Pick(["", "192.0.2.1", "127.0.0.1", "::1", "dns.example"], random),
        "pod_cidr" => Pick(["", "10.0.0.0/24", "10.0.0.0/24,fd00::/64", "10.0.0.0"], random),
        "cmd" or "command" or "args" => Pick(["true", "echo", "a", "", "/no/such/program", "exit 3"], random),
        "sysctls_key" => Pick(["net.ipv4.ip_forward", "kernel.shmmax", "kernel.panic", "net.no.such", "..", ""], random),
        "unified_key" => Pick(["memory.high", "cpu.weight", "cgroup.procs", "../memory.max", ""], random),
        "add_capabilities" or "drop_capabilities" or "add_ambient_capabilities" => Pick(["ALL", "NET_RAW", "SYS_ADMIN", "CAP_CHOWN", "SWIM", ""], random),
        "cpuset_cpus" or "cpuset_mems" => Pick(["", "0", "0-1", "99999", "x"], random),
        "run_as_username" => Pick(["", "root", "nobody", "0:0", "99999999999"], random),
        _ => Pick(Nasty, random),
    };

    private string Id(List<string> ids, Random random)
    {
        lock (_gate)
        {
            return random.Next(10) == 0 || ids.Count == 0 ? Pick(["", BadInputScene.Unknown, "zz", "-"], random)
                : ids[^(1 + random.Next(Math.Min(8, ids.Count)))] is var id && random.Next(10) == 0 ? id[..12] : id;
        }
    }

    private static string Pick(string[] values, Random random) => values[random.Next(values.Length)];
}
