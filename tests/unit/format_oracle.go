// HashiCorp's own HCL parser for format_oracle.py. Input: a length, a line feed, the text, and so on. Output: fields
// that end in NUL: "1 COUNT " or "0 0 ERROR", then key, value, and n for a number or s for what else it is.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

type list struct{ items [][3]string }

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

func (l *list) add(key, value, kind string) { l.items = append(l.items, [3]string{key, value, kind}) }

func (l *list) value(key string, v cty.Value) {
	t := v.Type()
	switch {
	case v.IsNull():
	case t == cty.String:
		l.add(key, v.AsString(), "s")
	case t == cty.Bool:
		l.add(key, fmt.Sprint(v.True()), "s")
	case t == cty.Number:
		l.add(key, v.AsBigFloat().Text('g', 20), "n")
	case t.IsTupleType() || t.IsObjectType():
		before, i := len(l.items), 0
		for it := v.ElementIterator(); it.Next(); i++ {
			k, e := it.Element()
			if t.IsTupleType() {
				l.value(fmt.Sprintf("%s[%d]", key, i), e)
			} else {
				l.value(join(key, k.AsString()), e)
			}
		}
		if len(l.items) == before {
			l.add(key, "", "s")
		}
	default:
		panic("unexpected type")
	}
}

func (l *list) body(key string, b *hclsyntax.Body) error {
	seen := map[string]int{}
	before := len(l.items)
	for name, a := range b.Attributes {
		v, diags := a.Expr.Value(&hcl.EvalContext{})
		if diags.HasErrors() {
			return diags
		}
		l.value(join(key, name), v)
	}
	for _, block := range b.Blocks {
		place := join(key, block.Type)
		if key == "" && len(block.Labels) == 0 && (block.Type == "services" || block.Type == "apps") {
			place = fmt.Sprintf("%s[%d]", place, seen[place])
			seen[block.Type]++
		}
		for _, label := range block.Labels {
			place = join(place, label)
		}
		if err := l.body(place, block.Body); err != nil {
			return err
		}
	}
	if len(l.items) == before && key != "" {
		l.add(key, "", "s")
	}
	return nil
}

// A block that is repeated stands for one table, which is empty only when all of them are.
func (l *list) clean() {
	sort.Slice(l.items, func(i, j int) bool { return l.items[i][0] < l.items[j][0] })
	kept := l.items[:0]
	for i, it := range l.items {
		empty := it[1] == "" && i+1 < len(l.items) && it == l.items[i+1]
		for _, other := range l.items {
			n := len(it[0])
			if it[1] == "" && len(other[0]) > n && other[0][:n] == it[0] && (other[0][n] == '.' || other[0][n] == '[') {
				empty = true
			}
		}
		if !empty {
			kept = append(kept, it)
		}
	}
	l.items = kept
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for {
		var size int
		if _, err := fmt.Fscanf(in, "%d\n", &size); err != nil {
			return
		}
		text := make([]byte, size)
		io.ReadFull(in, text)
		l := list{}
		f, diags := hclsyntax.ParseConfig(text, "x", hcl.InitialPos)
		var err error = diags
		if !diags.HasErrors() {
			err = l.body("", f.Body.(*hclsyntax.Body))
		}
		if err != nil {
			fmt.Fprintf(out, "0 0 %s\x00", err)
			continue
		}
		l.clean()
		fmt.Fprintf(out, "1 %d \x00", len(l.items))
		for _, it := range l.items {
			fmt.Fprintf(out, "%s\x00%s\x00%s\x00", it[0], it[1], it[2])
		}
	}
}
