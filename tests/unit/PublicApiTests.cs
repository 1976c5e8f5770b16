using System.Reflection;
using System.Text;
using Berth.Abstractions;
using Xunit;

namespace Berth.Tests.Unit;

/// <summary>
/// The contract's public surface is pinned in abstractions/PublicApi.txt: a change that breaks a plugin is a decision, not an
/// accident. Run the test with BERTH_PIN_API=1 to write the file anew.
/// </summary>
public sealed class PublicApiTests
{
    private static readonly NullabilityInfoContext Nullability = new();

    [Fact]
    public void Contract_ItsPublicSurface_IsThePinnedOne()
    {
        var path = Path.Combine(Repository.Root, "abstractions/PublicApi.txt");
        var actual = Render(typeof(IRuntimePlugin).Assembly);
        if (Environment.GetEnvironmentVariable("BERTH_PIN_API") == "1")
        {
            File.WriteAllText(path, actual);
        }

        Assert.Equal(File.ReadAllText(path), actual);
    }

    private static string Render(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (var type in assembly.GetExportedTypes().OrderBy(static t => t.FullName, StringComparer.Ordinal))
        {
            text.Append(Kind(type)).Append(' ').Append(Name(type)).Append(Bases(type)).Append('\n');
            foreach (var member in Members(type).Order(StringComparer.Ordinal))
            {
                text.Append("  ").Append(member).Append('\n');
            }
        }

        return text.ToString();
    }

    private static string Kind(Type type) => type switch
    {
        { IsEnum: true } => "enum",
        { IsInterface: true } => "interface",
        { IsValueType: true } => "struct",
        { IsAbstract: true, IsSealed: true } => "static class",
        _ when type.GetMethod("<Clone>$") is not null => "record",
        _ => type.IsSealed ? "sealed class" : "class",
    };

    private static string Bases(Type type)
    {
        var bases = type.GetInterfaces().Where(static i => !i.IsGenericType).Select(Name).Order(StringComparer.Ordinal).ToList();
        return type.IsEnum || bases.Count == 0 ? "" : $" : {string.Join(", ", bases)}";
    }

    private static IEnumerable<string> Members(Type type)
    {
        const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        if (type.IsEnum)
        {
            return Enum.GetValues(type).Cast<object>().Select(static v => $"{v} = {Convert.ToInt64(v, null)}");
        }

        return
        [
            .. type.GetFields(Declared).Select(static f => $"const {Name(f.FieldType)} {f.Name} = {f.GetRawConstantValue()}"),
            .. type.GetProperties(Declared).Select(Property),
            .. type.GetConstructors(Declared).Select(static c => $"new({Parameters(c)})"),
            .. type.GetMethods(Declared).Where(static m => !m.IsSpecialName && !IsGenerated(m)).Select(Method),
        ];
    }

    private static string Property(PropertyInfo property)
    {
        var required = property.GetCustomAttribute<System.Runtime.CompilerServices.RequiredMemberAttribute>() is null ? "" : "required ";
        var nullable = Nullability.Create(property).ReadState == NullabilityState.Nullable && !property.PropertyType.IsValueType ? "?" : "";
        return $"{required}{Name(property.PropertyType)}{nullable} {property.Name} {{ get;{(property.CanWrite ? " init;" : "")} }}";
    }

    private static string Method(MethodInfo method)
    {
        var form = method.IsStatic ? "static " : method is { IsVirtual: true, IsAbstract: false, DeclaringType.IsInterface: true } ? "default " : "";
        return $"{form}{Name(method.ReturnType)} {method.Name}({Parameters(method)})";
    }

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(static p =>
        $"{Name(p.ParameterType)}{(Nullability.Create(p).ReadState == NullabilityState.Nullable && !p.ParameterType.IsValueType ? "?" : "")} {p.Name}{(p.HasDefaultValue ? " = default" : "")}"));

    // What the compiler adds to records.
    private static bool IsGenerated(MethodInfo method) =>
        method.Name is "Equals" or "GetHashCode" or "ToString" or "<Clone>$" or "Deconstruct" or "PrintMembers";

    private static string Name(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } value)
        {
            return $"{Name(value)}?";
        }

        var name = type.Namespace == typeof(IRuntimePlugin).Namespace ? type.Name : type.FullName ?? type.Name;
        return type.IsGenericType ? $"{name[..name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : name;
    }
}
