using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>
/// The device controller of cgroup v2: a BPF program that the kernel asks at each access (Documentation/admin-guide/cgroup-v2.rst,
/// "Device controller"; bpf(2)). The last rule that fits decides, and where none does the access is denied.
/// </summary>
public static unsafe class DeviceFilter
{
    private const long BPF_PROG_LOAD = 5, BPF_PROG_ATTACH = 8;
    private const int BPF_PROG_TYPE_CGROUP_DEVICE = 15, BPF_CGROUP_DEVICE = 6;

    // Classes and operations of linux/bpf_common.h and linux/bpf.h.
    private const byte LoadWord = 0x61, MoveRegister = 0xBF, MoveNumber = 0xB7, AndNumber = 0x57, ShiftRight = 0x77, JumpIfEqual = 0x15, JumpUnlessEqual = 0x55, JumpUnlessSame = 0x5D, Exit = 0x95;

    /// <summary>Attaches a program for the rules; it lives as long as the cgroup.</summary>
    /// <param name="folder">The cgroup's folder.</param>
    /// <param name="rules">The later ones win.</param>
    public static void Attach(string folder, IReadOnlyList<DeviceRule> rules)
    {
        using var cgroup = SafeFd.OpenDirectory(folder);
        using var program = Load(Assemble(rules), folder);
        var attribute = stackalloc int[32];
        new Span<int>(attribute, 32).Clear();
        (attribute[0], attribute[1], attribute[2]) = (cgroup.Number, program.Number, BPF_CGROUP_DEVICE);
        if (Libc.syscall(Number, BPF_PROG_ATTACH, (nint)attribute, 128, 0, 0) < 0)
        {
            throw LinuxException.Last("bpf(BPF_PROG_ATTACH)", folder);
        }
    }

    // x86_64 and arm64, the architectures that Berth runs on.
    private static long Number => RuntimeInformation.OSArchitecture == Architecture.X64 ? 321 : 280;

    private static SafeFd Load(ulong[] code, string folder)
    {
        var attribute = stackalloc ulong[16];
        new Span<ulong>(attribute, 16).Clear();
        fixed (ulong* instructions = code)
        fixed (byte* license = "Apache\0"u8)
        {
            attribute[0] = BPF_PROG_TYPE_CGROUP_DEVICE | ((ulong)code.Length << 32);
            attribute[1] = (ulong)instructions;
            attribute[2] = (ulong)license;
            var fd = Libc.syscall(Number, BPF_PROG_LOAD, (nint)attribute, 128, 0, 0);
            return fd >= 0 ? new((int)fd) : throw LinuxException.Last("bpf(BPF_PROG_LOAD)", folder);
        }
    }

    // struct bpf_cgroup_dev_ctx: access << 16 | type, major, minor. Access: 1 mknod, 2 read, 4 write. Type: 1 block, 2 char.
    internal static ulong[] Assemble(IReadOnlyList<DeviceRule> rules)
    {
        List<ulong> code =
        [
            Instruction(LoadWord, 2, 1, 0, 0), Instruction(AndNumber, 2, 0, 0, 0xFFFF),
            Instruction(LoadWord, 3, 1, 0, 0), Instruction(ShiftRight, 3, 0, 0, 16),
            Instruction(LoadWord, 4, 1, 4, 0), Instruction(LoadWord, 5, 1, 8, 0),
        ];
        foreach (var rule in rules.Reverse())
        {
            code.AddRange(Match(rule));
        }

        return [.. code, Instruction(MoveNumber, 0, 0, 0, 0), Instruction(Exit, 0, 0, 0, 0)];
    }

    // Each test leaps over the rest of the rule and its verdict where it fails.
    private static List<ulong> Match(DeviceRule rule)
    {
        var asked = (rule.Access.Contains('m') ? 1 : 0) | (rule.Access.Contains('r') ? 2 : 0) | (rule.Access.Contains('w') ? 4 : 0);
        List<Func<int, ulong>> tests = [];
        List<ulong> verdict = [Instruction(MoveNumber, 0, 0, 0, rule.Allow ? 1 : 0), Instruction(Exit, 0, 0, 0, 0)];
        List<ulong> prologue = [];
        if (asked != 7)
        {
            // An allowance must cover all that is asked, a denial bites where it covers any of it.
            prologue = [Instruction(MoveRegister, 1, 3, 0, 0), Instruction(AndNumber, 1, 0, 0, asked)];
            tests.Add(skip => rule.Allow ? Instruction(JumpUnlessSame, 1, 3, skip, 0) : Instruction(JumpIfEqual, 1, 0, skip, 0));
        }

        if (rule.Type is 'b' or 'c')
        {
            tests.Add(skip => Instruction(JumpUnlessEqual, 2, 0, skip, rule.Type == 'b' ? 1 : 2));
        }

        if (rule.Major is { } major)
        {
            tests.Add(skip => Instruction(JumpUnlessEqual, 4, 0, skip, (int)major));
        }

        if (rule.Minor is { } minor)
        {
            tests.Add(skip => Instruction(JumpUnlessEqual, 5, 0, skip, (int)minor));
        }

        return [.. prologue, .. tests.Select((test, i) => test(tests.Count - 1 - i + verdict.Count)), .. verdict];
    }

    // struct bpf_insn: 8 bits code, 4 destination, 4 source, 16 offset, 32 immediate.
    private static ulong Instruction(byte code, int destination, int source, int offset, int immediate) =>
        code | ((ulong)destination << 8) | ((ulong)source << 12) | ((ulong)(ushort)offset << 16) | ((ulong)(uint)immediate << 32);
}
