using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Containers.Spec;

/// <summary>Makes the filter of one container from a profile: its conditions are decided, for the runtime takes none.</summary>
internal sealed class SeccompEvaluator(string architecture, Version kernel)
{
    private const string ErrnoAction = "SCMP_ACT_ERRNO";
    private const string TraceAction = "SCMP_ACT_TRACE";
    private const uint MaxArguments = 6;

    // seccomp_rule_add(3). SCMP_ACT_NOTIFY is not among them: nobody would answer.
    private static readonly HashSet<string> Actions =
    [
        "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", ErrnoAction, TraceAction, "SCMP_ACT_ALLOW", "SCMP_ACT_LOG",
    ];

    private static readonly HashSet<string> Operators =
        ["SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"];

    // errno(3), those that profiles use; numbers as on x86 and arm.
    private static readonly Dictionary<string, uint> Errnos = new(StringComparer.Ordinal)
    {
        ["EPERM"] = 1,
        ["ENOENT"] = 2,
        ["EIO"] = 5,
        ["ENXIO"] = 6,
        ["EAGAIN"] = 11,
        ["ENOMEM"] = 12,
        ["EACCES"] = 13,
        ["EFAULT"] = 14,
        ["EBUSY"] = 16,
        ["ENODEV"] = 19,
        ["EINVAL"] = 22,
        ["ENOSYS"] = 38,
        ["EOPNOTSUPP"] = 95,
        ["ENOTSUP"] = 95,
        ["EAFNOSUPPORT"] = 97,
    };

    /// <param name="source">The profile.</param>
    /// <param name="granted">The container's bounding set.</param>
    internal OciSeccomp Evaluate(SeccompSource source, CapabilitySet granted)
    {
        if (!string.IsNullOrEmpty(source.ListenerPath))
        {
            throw RuntimeException.InvalidArgument("it names a listenerPath, which is not supported");
        }

        var defaultErrno = source.DefaultErrnoRet ?? Errno(source.DefaultErrno);
        return new()
        {
            DefaultAction = CheckAction(source.DefaultAction),
            DefaultErrnoRet = TakesErrno(source.DefaultAction) ? defaultErrno : null,
            Architectures = Architectures(source),
            Flags = source.Flags is { Count: > 0 } flags ? flags : null,
            Syscalls =
            [
                .. (source.Syscalls ?? []).Where(rule => Applies(rule, granted)).Select(Rule)
                    .Where(rule => !IsDefault(rule, source.DefaultAction, defaultErrno)),
            ],
        };
    }

    // libseccomp refuses a rule that says what happens anyway: seccomp_rule_add(3), EACCES.
    private static bool IsDefault(OciSyscall rule, string action, uint? errno) =>
        rule.Action == action && (!TakesErrno(action) || rule.ErrnoRet == errno);

    private bool Applies(SeccompRule rule, CapabilitySet granted) =>
        !(rule.Excludes?.Caps ?? []).Any(c => Has(granted, c))
        && !(rule.Excludes?.Arches ?? []).Contains(architecture)
        && !(rule.Excludes?.MinKernel is { } before && kernel >= ParseKernel(before))
        && (rule.Includes?.Caps ?? []).All(c => Has(granted, c))
        && (rule.Includes?.Arches is not { Count: > 0 } arches || arches.Contains(architecture))
        && !(rule.Includes?.MinKernel is { } from && kernel < ParseKernel(from));

    private static bool Has(CapabilitySet granted, string name) => CapabilitySet.TryParse(name, out var capability) && granted.Contains(capability);

    private static OciSyscall Rule(SeccompRule rule)
    {
        IReadOnlyList<string> names = [.. rule.Names ?? [], .. rule.Name is { Length: > 0 } name ? (string[])[name] : []];
        if (names.Count == 0 || names.Any(string.IsNullOrEmpty))
        {
            throw RuntimeException.InvalidArgument("one of its rules has no system call");
        }

        var wrong = rule.Args?.FirstOrDefault(static a => a.Index >= MaxArguments || !Operators.Contains(a.Op ?? ""));
        return wrong is null
            ? new()
            {
                Names = names,
                Action = CheckAction(rule.Action),
                ErrnoRet = TakesErrno(rule.Action) ? rule.ErrnoRet ?? Errno(rule.Errno) : null,
                Args = rule.Args is { Count: > 0 } args ? args : null,
            }
            : throw RuntimeException.InvalidArgument($"its rule for {names[0]} compares argument {wrong.Index} by \"{wrong.Op}\", which there is not");
    }

    private static bool TakesErrno(string action) => action is ErrnoAction or TraceAction;

    private static string CheckAction(string action) =>
        Actions.Contains(action) ? action : throw RuntimeException.InvalidArgument($"its action \"{action}\" is not one of {string.Join(", ", Actions)}");

    private static uint? Errno(string? name) =>
        string.IsNullOrEmpty(name) ? null
        : Errnos.TryGetValue(name, out var number) ? number
        : throw RuntimeException.InvalidArgument($"its errno \"{name}\" is not known; write errnoRet with the number");

    private static Version ParseKernel(string text) =>
        Version.TryParse(text, out var version) ? version : throw RuntimeException.InvalidArgument($"its minKernel \"{text}\" is not a version");

    private IReadOnlyList<string>? Architectures(SeccompSource source)
    {
        var native = SeccompArchitecture.Native(architecture);
        if (source.ArchMap is { Count: > 0 } map)
        {
            return source.Architectures is { Count: > 0 }
                ? throw RuntimeException.InvalidArgument("it has both architectures and archMap")
                : map.FirstOrDefault(m => m.Architecture == native) is { } entry ? [native, .. entry.SubArchitectures ?? []] : [native];
        }

        if (source.Architectures is not { Count: > 0 } listed)
        {
            return null;
        }

        IReadOnlyList<string> here = [.. listed.Where(SeccompArchitecture.Family(native).Contains)];
        return here.Count > 0
            ? here
            : throw RuntimeException.InvalidArgument($"its architectures {string.Join(", ", listed)} do not include this machine's, {native}");
    }
}
