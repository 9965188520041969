# Compares README.md with the server that psql reaches: see test/readme.
#	perl test/lib/readme.pl CHECKOUT [--write]
#
# Each block that begins with ```sql, and nothing more on that line, is run.  A block
# that begins with ```text and follows it is what psql prints for it; ids and keys are
# other ones each time.  Without such a block, none of its statements may fail.
use strict;
use warnings;

my ($root, $option) = @ARGV;
my $write = ($option // '') eq '--write';
my ($passed, $failed) = (0, 0);

sub slurp
{
	my ($file) = @_;
	open my $handle, '<', $file or die "$file: $!";
	local $/;
	return <$handle>;
}

sub claim
{
	my ($held, $what, $explanation) = @_;
	$held ? $passed++ : $failed++;
	print $held ? "ok: $what\n" : "FAILED: $what\n" . ($explanation // '');
	return;
}

# What differs from one run to the next, with its length kept.
sub normal
{
	my ($text) = @_;
	$text =~ s/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/00000000-0000-0000-0000-000000000000/g;
	$text =~ s/\b(\w+_\w+(?:sec|app)_)[0-9A-Za-z]{4}(…|[0-9A-Za-z]{41})[0-9A-Za-z]{4}\b/$1.../g;
	return $text;
}

# A query's answer, fields separated by |.
sub answer
{
	my ($query) = @_;
	open my $psql, '-|', 'psql', '-XAtq', '-c', "LOAD 'account'", '-c', $query or die "psql: $!";
	local $/;
	my $answer = <$psql> // '';
	close $psql or die "psql failed";
	return split /\n/, $answer;
}

my $readme = slurp("$root/README.md");
my @blocks;
while ($readme =~ /^```sql\n(.*?)^```\n(?:\n^```text\n(.*?)^```\n)?/msg)
{
	push @blocks, { sql => $1, shown => $2, line => 1 + (substr($readme, 0, $-[0]) =~ tr/\n//) };
}

# All blocks in one session; a mark before each tells what it printed.
my $directory = `mktemp -d` =~ s/\n//r;
open my $script, '>', "$directory/script" or die "script: $!";
print $script "\\echo <<<$_>>>\n\\warn <<<$_>>>\n$blocks[$_]{sql}" for 0 .. $#blocks;
close $script;
my $printed = `psql -X <$directory/script 2>&1`;
system 'rm', '-r', $directory;
for my $i (0 .. $#blocks)
{
	my $block = $blocks[$i];
	my ($got) = $printed =~ /^<<<$i>>>\n<<<$i>>>\n(.*?)(?:^<<<|\z)/ms;
	$got //= "(nothing)\n";
	$got =~ s/ +$//mg;
	$block->{got} = $got;
	if (!defined $block->{shown})
	{
		claim($got !~ /^(ERROR|FATAL|WARNING)/m, "line $block->{line} runs", $got);
	}
	else
	{
		claim(normal($got) eq normal($block->{shown}), "line $block->{line} prints what it shows",
			"shown:\n$block->{shown}printed:\n$got");
	}
}
if ($write)
{
	my $i = 0;
	$readme =~ s{^(```sql\n.*?^```\n)(?:(\n^```text\n)(.*?)(^```\n))?}{
		my $block = $blocks[$i++];
		defined $2 ? "$1$2" . (normal($block->{got}) eq normal($3) ? $3 : $block->{got}) . $4 : $&}gmse;
	open my $out, '>', "$root/README.md" or die "README.md: $!";
	print $out $readme;
	close $out;
}

# The lists.
my %lists = (
	'the settings and their defaults' => [
		q{SELECT name || ' ' || COALESCE(NULLIF(current_setting(name), ''), 'empty')
			FROM pg_settings WHERE name LIKE 'account.%'},
		[ map { s/`//gr } $readme =~ /^\| (`account\.\w+` \| \S+) \|/mg ] ],
	'the errors' => [
		q{SELECT code || ' ' || sqlstate || ' ' || http_status FROM account.error_codes},
		[ map { s/`//gr } $readme =~ /^\| (`[A-Z_]+` \| TA\d+ \| \d+) \|/mg ] ],
);
for my $what (sort keys %lists)
{
	my ($query, $shown) = @{ $lists{$what} };
	my $there = join "\n", sort(answer($query));
	my $here = join "\n", sort(map { s/ \| / /gr } @$shown);
	claim($here eq $there, $what, "README:\n$here\nserver:\n$there\n");
}

# Every object of the extension stands in the reference, a function with its arguments, and nothing else does.
my ($reference) = $readme =~ /^## Reference\n(.*?)^## /ms;
$reference =~ s/\s+/ /g;
my ($internal) = $reference =~ /(\*\*Not to be called\*\*.*)/s;
my @functions = answer(q{
	SELECT proname || '(' || COALESCE((SELECT string_agg(name, ', ' ORDER BY n)
		FROM unnest(proargnames) WITH ORDINALITY a (name, n) WHERE COALESCE(proargmodes[n] = 'i', true)), '') || ')'
	FROM pg_proc WHERE pronamespace = 'account'::regnamespace});
my %named = map { s/\(.*//r => 1 } @functions;
my @missing = grep { index($reference, "`$_`") < 0 && index($internal, '`' . s/\(.*/()`/r) < 0 } sort @functions;
claim(!@missing, 'every function stands in the reference', join("\n", 'missing:', @missing, ''));
my @gone = grep { !$named{$_} } $readme =~ /`(\w+)\(/g;
claim(!@gone, 'every function that it names is there', "not there: @gone\n");
@missing = grep { index($reference, "`$_`") < 0 } answer(q{
	SELECT relname FROM pg_class WHERE relnamespace = 'account'::regnamespace AND relkind IN ('r', 'v')
	UNION
	SELECT typname FROM pg_type WHERE typnamespace = 'account'::regnamespace AND typtype IN ('c', 'd', 'e')});
claim(!@missing, 'every table, view and type stands in the reference', "missing: @missing\n");

# What it refers to.
@gone = grep { !-e "$root/$_" } $readme =~ m{\bsh (test/[\w/-]+)}g, $readme =~ m{\]\((?!https?:|#)([^)]+)\)}g;
claim(!@gone, 'every file that it names is there', "not there: @gone\n");
for my $file (glob "$root/test/adopt/*/account.*")
{
	my ($name) = $file =~ m{([^/]+/[^/]+)$};
	claim(index($readme, slurp($file)) >= 0, "it shows test/adopt/$name as it is");
}

print "$passed passed, $failed failed\n";
exit($failed > 0 || $passed == 0);
